"""Load with two workers at batch 256, to preprocessed float on the device: a store against `wfdb.rdsamp`.

    python benchmarks/loading_speed.py [--out benchmarks/results/loading_speed.md]

All sides use the loader of training (`melp.training.fit.loader`), with the same samples in the same order,
and the same preprocessing of each batch on the device. They read the same recordings (12 x 5000 samples, 500
Hz): from a store, or from WFDB files of format 16 by `wfdb.rdsamp`, as published loaders do. Every process
computes on one thread. Epochs of the sides alternate; the first of each, which starts the workers and fills
the page cache, does not count. The processor time is that of all processes of a side.
"""

from __future__ import annotations

import os

# As the command `melp` sets it, for all sides.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import wfdb
from _common import parser, processor_seconds, publish
from torch import Tensor
from torch.utils.data import Dataset

from melp.data.batches import Sample, Steps, StoreBatches
from melp.data.build import build
from melp.data.store import Store
from melp.ecg import LEADS
from melp.evaluation.tables import markdown_table
from melp.signal.preprocessing import Preprocessing
from melp.training.fit import loader

BATCH, WORKERS, PREPROCESSING = 256, 2, Preprocessing()


class WFDBBatches(Dataset[dict[str, Tensor]]):
    """The records of a store, each read from its WFDB file; `ecg` is in mV."""

    def __init__(self, store: Store, folder: Path) -> None:
        folder.mkdir()
        self.names = [str(folder / name) for name in store.column("id")]
        # 1,000 steps per mV: nothing is rounded.
        form = {"fmt": ["16"] * 12, "adc_gain": [1000.0] * 12, "baseline": [0] * 12}
        for row, name in enumerate(store.column("id")):
            signal = store.signals(np.array([row]))[0].T.astype(np.int64)
            about = (name, store.rate, ["mV"] * 12, list(LEADS))
            wfdb.wrsamp(*about, d_signal=signal, write_dir=str(folder), **form)

    def __len__(self) -> int:
        return len(self.names)

    def __getitems__(self, samples: Sequence[Sample]) -> dict[str, Tensor]:
        """Return the batch of these samples."""
        signals = [wfdb.rdsamp(self.names[row])[0].T.astype(np.float32) for row, _ in samples]
        return {"ecg": torch.from_numpy(np.stack(signals))}


class Side:
    """One way of loading, with the wall and processor seconds of each epoch."""

    def __init__(self, dataset: Dataset, records: int) -> None:
        self.loader = loader(dataset, Steps(records, BATCH, seed=0, last=records // BATCH), WORKERS)
        self.seconds: list[tuple[float, float]] = []

    def epoch(self) -> Tensor:
        """Load and preprocess every record once; return the last batch."""
        start, used = time.perf_counter(), self.used()
        for batch in self.loader:
            ecg = batch["ecg"] if "ecg" in batch else batch["signal"].float() / 1000
            ecg = PREPROCESSING(ecg, 500)
        self.seconds.append((time.perf_counter() - start, self.used() - used))
        return ecg

    def used(self) -> float:
        """Return the processor seconds of this process and the workers of this side so far."""
        workers = getattr(self.loader._iterator, "_workers", [])
        return time.process_time() + sum(processor_seconds(worker.pid) for worker in workers)


def measure(folder: Path, records: int, rounds: int) -> dict[str, np.ndarray]:
    """Return the wall and processor seconds of each round of each side."""
    datasets: dict[str, Dataset] = {}
    for name in ("plain", "compressed"):
        build("synthetic", None, folder / name, rate=500, records=records, compress=name == "compressed")
        datasets[f"store, {name}"] = StoreBatches(Store(folder / name))
    datasets = {"wfdb.rdsamp": WFDBBatches(Store(folder / "plain"), folder / "wfdb"), **datasets}
    sides = {name: Side(dataset, records) for name, dataset in datasets.items()}
    for _ in range(rounds + 1):
        slow, *fast = (side.epoch() for side in sides.values())
        for ecg in fast:
            torch.testing.assert_close(ecg, slow, rtol=0, atol=1e-6)
    return {name: np.array(side.seconds[1:]) for name, side in sides.items()}


def main() -> None:
    options = parser(__doc__, records=4096, rounds=3, out=None).parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        seconds = measure(Path(name), options.records, options.rounds)
    loaded, first, rows = options.records // BATCH * BATCH, next(iter(seconds.values())), []
    for name, values in seconds.items():
        wall, processor = np.median(values, axis=0)
        # Medians of the ratios of epochs that followed each other.
        ratios = np.median(first / values, axis=0)
        wall_cells = f"{loaded / wall:,.0f}", f"{ratios[0]:.1f}"
        rows.append((name, *wall_cells, f"{1000 * processor / loaded:.2f}", f"{ratios[1]:.1f}"))
    note = (
        f"{options.records:,} recordings of 12 x 5000 in random order, preprocessed (minmax) on the device, "
        f"here the CPU; {os.cpu_count()} cores, medians of {options.rounds} alternating epochs in one run of "
        f"`benchmarks/loading_speed.py`, torch {torch.__version__}, wfdb {wfdb.__version__}."
    )
    title = f"# Loading by {WORKERS} workers at batch {BATCH}, to preprocessed float on the device"
    names = ("read from", "records/s", "ratio", "processor time per record (ms)", "ratio")
    publish(options.out, title, note, markdown_table(names, rows))


if __name__ == "__main__":
    main()
