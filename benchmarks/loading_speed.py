"""Loading by two workers at batch 256, to preprocessed float on the device: a store against `wfdb.rdsamp`.

    python benchmarks/loading_speed.py [--out benchmarks/results/loading_speed.md]

Both sides are the loader of a training (`melp.training.fit.loader`) with the same samples in the same order,
and the same preprocessing of each batch on the device. The one's dataset is a store's; the other's reads the
same recordings (12 x 5000 samples, 500 Hz) from WFDB files of format 16 by `wfdb.rdsamp`, as published
loaders do. Every process computes on one thread. Epochs of the sides alternate; the first of each, which
starts the workers and fills the page cache, is not counted. The processor's time is that of all processes of
a side.
"""

from __future__ import annotations

import argparse
import os

# As the command `melp` sets it, for both sides.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import wfdb
from _common import processor_seconds
from torch import Tensor, nn
from torch.utils.data import Dataset

from melp.data.batches import Sample, Steps, StoreBatches
from melp.data.build import build
from melp.data.store import Store
from melp.ecg import LEADS
from melp.signal.preprocessing import Preprocessing
from melp.training.config import OptimiserConfig
from melp.training.fit import loader
from melp.training.module import PretrainingModule

BATCH, WORKERS = 256, 2


class WFDBBatches(Dataset[dict[str, Tensor]]):
    """The records of a store, each read from its WFDB file; batches hold `ecg` in mV."""

    def __init__(self, names: list[str], patients: np.ndarray) -> None:
        self.names, self.patients = names, torch.from_numpy(patients)

    def __len__(self) -> int:
        return len(self.names)

    def __getitems__(self, samples: Sequence[Sample]) -> dict[str, Tensor]:
        """The batch of these samples."""
        rows = [row for row, _ in samples]
        signals = [torch.from_numpy(wfdb.rdsamp(self.names[row])[0].T.astype(np.float32)) for row in rows]
        keys = torch.tensor([key for _, key in samples])
        return {"ecg": torch.stack(signals), "patient": self.patients[rows], "key": keys}


def write_wfdb(store: Store, folder: Path) -> list[str]:
    """The records of a store as WFDB files of format 16, 1,000 steps a mV, so that nothing is rounded."""
    folder.mkdir()
    names = []
    for row, name in enumerate(store.column("id")):
        signal = store.signals(np.array([row]))[0].T
        signal.astype("<i2").tofile(folder / f"{name}.dat")
        lines = [f"{name} {len(LEADS)} {store.rate:g} {len(signal)}"]
        for lead, values in zip(LEADS, signal.T, strict=True):
            checksum = int(values.sum(dtype=np.int64).astype(np.int16))
            lines.append(f"{name}.dat 16 1000(0)/mV 16 0 {values[0]} {checksum} 0 {lead}")
        (folder / f"{name}.hea").write_text("\n".join(lines) + "\n")
        names.append(str(folder / name))
    return names


class Side:
    """One way of loading."""

    def __init__(self, name: str, dataset: Dataset, records: int) -> None:
        self.name, self.per_epoch = name, records // BATCH
        self.loader = loader(dataset, Steps(records, BATCH, seed=0, last=self.per_epoch), WORKERS)
        self.preprocessing = Preprocessing()
        self.module = PretrainingModule(nn.Identity(), OptimiserConfig(), 1, 0, self.preprocessing, 500)
        self.seconds: list[float] = []
        self.processor: list[float] = []

    def epoch(self) -> Tensor:
        """Loads and preprocesses every record once, and notes how long it took; the last batch."""
        start, used = time.perf_counter(), self.used()
        for batch in self.loader:
            if "signal" in batch:
                ecg = self.module.prepare(batch)["ecg"]
            else:
                ecg = self.preprocessing(batch["ecg"], 500)
        self.seconds.append(time.perf_counter() - start)
        self.processor.append(self.used() - used)
        return ecg

    def used(self) -> float:
        """Seconds that the processors have spent on this process and the workers of this side."""
        workers = getattr(self.loader._iterator, "_workers", [])
        return time.process_time() + sum(processor_seconds(worker.pid) for worker in workers)


def measure(folder: Path, records: int, rounds: int) -> list[Side]:
    """All sides, with the seconds of each round."""
    stores = {}
    for name in ("plain", "compressed"):
        build("synthetic", None, folder / name, rate=500, records=records, compress=name == "compressed")
        stores[name] = Store(folder / name)
    files = write_wfdb(stores["plain"], folder / "wfdb")
    patients = stores["plain"].records.codes("patient").astype(np.int64)
    sides = [Side("wfdb.rdsamp", WFDBBatches(files, patients), records)]
    sides += [Side(f"store, {name}", StoreBatches(store), records) for name, store in stores.items()]
    for _ in range(rounds + 1):
        slow, *fast = (side.epoch() for side in sides)
        for ecg in fast:
            torch.testing.assert_close(ecg, slow, rtol=0, atol=1e-6)
    return sides


def ratio(slow: list[float], fast: list[float]) -> float:
    """Median of the ratios of epochs that followed each other."""
    return statistics.median(one / other for one, other in zip(slow[1:], fast[1:], strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="Markdown file to write")
    arguments = parser.parse_args()
    records, rounds = arguments.records, arguments.rounds
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        sides = measure(Path(name), records, rounds)
    lines = [
        f"# Loading by {WORKERS} workers at batch {BATCH}, to preprocessed float on the device",
        "",
        f"{records:,} recordings of 12 x 5000 in random order, preprocessed (minmax) on the device, here the "
        f"CPU; {os.cpu_count()} cores, medians of {rounds} alternating epochs in one run of "
        f"`benchmarks/loading_speed.py`, torch {torch.__version__}, wfdb {wfdb.__version__}.",
        "",
        "| read from | records/s | ratio | processor time a record (ms) | ratio |",
        "|---|---|---|---|---|",
    ]
    seen = records // BATCH * BATCH
    for side in sides:
        seconds, processor = (statistics.median(times[1:]) for times in (side.seconds, side.processor))
        ratios = [ratio(sides[0].seconds, side.seconds), ratio(sides[0].processor, side.processor)]
        lines.append(
            f"| {side.name} | {seen / seconds:,.0f} | {ratios[0]:.1f} "
            f"| {1000 * processor / seen:.2f} | {ratios[1]:.1f} |"
        )
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if arguments.out:
        arguments.out.write_text(text)


if __name__ == "__main__":
    main()
