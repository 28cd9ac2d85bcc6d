"""A store of 800,000 records: time from opening it to the first batch, and memory of a loader's workers.

    python benchmarks/store_at_size.py [--records 800000] [--out benchmarks/results/store_at_size.md]

Each round is a new process on one core that has imported its modules; times are processor times. Shards are
holes in sparse files; index and manifest are as large as those of MIMIC-IV-ECG. Then a `DataLoader` with one
worker makes the first batch: once forked, the default on Linux, and once spawned, so that the worker opens
the store again. Last, two workers read every record of a store of 100,000; their memory is measured after
every twentieth batch.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import torch
from _common import memory_of, parser, processor_seconds, publish
from simulated_store import make_store, phrases
from torch.utils.data import DataLoader

from melp.data.batches import Steps, StoreBatches
from melp.data.store import Store
from melp.evaluation.tables import markdown_table
from melp.text.tokenizer import ReportEncoder, load_tokenizer, train_tokenizer

BATCH, FOLDS = 64, [1, 2, 3, 4, 5, 6, 7, 8]
EPOCH, WORKERS, EVERY = 256, 2, 20
"""Batch size and workers of the epoch, and batches between two measurements."""
PARTS = (
    "open the store",
    "find its training records with a report, and their patients",
    "shuffle an epoch, draw its first batch",
)
MEMORY = ("private", "proportional", "resident")


def unchanged(batch: Any) -> Any:
    """The dataset makes whole batches."""
    return batch


def measure(folder: Path, method: str) -> list[np.ndarray]:
    """Return seconds of each part and of the worker; megabytes before, after and of the worker."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    encode = ReportEncoder(load_tokenizer(folder / "tokenizer"))
    before, times = memory_of(), [time.process_time()]
    store = Store(folder / "store")
    times.append(time.process_time())
    batches = StoreBatches(store, FOLDS, encode)
    times.append(time.process_time())
    samples = next(iter(Steps(len(batches), BATCH, seed=0, last=1000)))
    times.append(time.process_time())
    after = memory_of()
    options: Any = {"num_workers": 1, "persistent_workers": True, "multiprocessing_context": method}
    iterator = iter(DataLoader(batches, batch_sampler=[samples], collate_fn=unchanged, **options))
    batch = next(iterator)
    assert batch["signal"].shape == (BATCH, 12, 5000) and len(batch["tokens"]) == BATCH
    worker = iterator._workers[0].pid  # type: ignore[attr-defined]
    seconds = [*(end - start for start, end in pairwise(times)), processor_seconds(worker)]
    memories = (before, after, memory_of(worker))
    return [np.array(seconds), *(np.array([memory[name] for name in MEMORY]) for memory in memories)]


def rounds(folder: Path, method: str, count: int) -> list[np.ndarray]:
    """Return medians over several rounds, each in a new process."""
    measured = []
    for _ in range(count):
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
            measured.append(process.submit(measure, folder, method).result())
    return [np.median(values, axis=0) for values in zip(*measured, strict=True)]


def largest_worker(store: Store) -> np.ndarray:
    """Return the maximum memory (MB) of a worker in an epoch."""
    # Imported here, as the processes that `measure` runs in need not load it.
    from melp.training.fit import loader

    batches = StoreBatches(store, None, ReportEncoder(train_tokenizer(phrases())))
    steps = Steps(len(batches), EPOCH, seed=0, last=len(batches) // EPOCH)
    epoch, measured = loader(batches, steps, WORKERS), []
    for number, batch in enumerate(epoch):
        assert batch["signal"].shape == (EPOCH, 12, 5000)
        if number % EVERY == 0 or number == len(steps) - 1:
            memories = [memory_of(worker.pid) for worker in epoch._iterator._workers]  # type: ignore[union-attr]
            measured += [[memory[name] for name in MEMORY] for memory in memories]
    return np.max(measured, axis=0)


def main() -> None:
    options = parser(__doc__, records=800_000, epoch=100_000, rounds=5, out=None).parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_store(folder / "store", options.records)
        train_tokenizer(phrases()).save_pretrained(folder / "tokenizer")
        index = (folder / "store/index.parquet").stat().st_size / 1e6
        forked, spawned = (rounds(folder, method, options.rounds) for method in ("fork", "spawn"))
        largest = largest_worker(Store(make_store(folder / "epoch", options.epoch)))
    parts = [*zip(PARTS, forked[0], strict=False), ("together", forked[0][:-1].sum())]
    workers = {"forked": forked, "spawned: imports torch, opens the store again": spawned}
    memory = {
        "process, before it opens the store": forked[1],
        "process, before the first batch": forked[2],
        "forked worker, after its first batch": forked[3],
        "spawned worker, after its first batch": spawned[3],
        f"forked worker, maximum over an epoch of {options.epoch:,} records": largest,
    }
    publish(
        options.out,
        f"# Start-up of a store of {options.records:,} records",
        f"Index of {index:.0f} MB, 1 to 6 statements per record out of 1,500 phrases, folds 1-8, batches of "
        f"{BATCH}. One core, processor time, medians of {options.rounds} new processes in one run of "
        f"`benchmarks/store_at_size.py`, torch {torch.__version__}, pyarrow {pyarrow.__version__}; files in "
        f"the page cache. The epoch: {WORKERS} workers, batch {EPOCH}, signals with text.",
        markdown_table(
            ("from opening the store to the samples of the first batch", "seconds"),
            [(part, f"{seconds:.2f}") for part, seconds in parts],
        ),
        markdown_table(
            ("a DataLoader's worker, from its start to its first batch", "seconds"),
            [(name, f"{measured[0][-1]:.2f}") for name, measured in workers.items()],
        ),
        markdown_table(
            ("memory (MB)", *MEMORY),
            [(name, *(f"{value:,.0f}" for value in values)) for name, values in memory.items()],
        ),
    )


if __name__ == "__main__":
    main()
