"""Start-up of a store of 800,000 records: from opening it to the first batch that a training can ask for.

    python benchmarks/store_at_size.py [--records 800000] [--out benchmarks/results/store_at_size.md]

Each round is a new process on one core that has imported what it needs; seconds are the processor's. Shards
are holes in sparse files; index and manifest are as long as those of MIMIC-IV-ECG. Then a `DataLoader` with
one worker is asked for that batch: once forked, as is usual on Linux, and once spawned, so that the worker
opens the store by itself.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow
import torch
from _common import memory_of, processor_seconds
from simulated_store import make_store, phrases
from torch.utils.data import DataLoader

from melp.data.batches import Steps, StoreBatches
from melp.data.store import Store
from melp.text.tokenizer import ReportEncoder, load_tokenizer, train_tokenizer

BATCH, FOLDS = 64, [1, 2, 3, 4, 5, 6, 7, 8]
PARTS = (
    "open the store",
    "find its training records with a report, and their patients",
    "shuffle an epoch, draw its first batch",
)
MEMORY = ("private", "proportional", "resident")


def as_it_is(batch: Any) -> Any:
    """Batches are made whole by the dataset."""
    return batch


def start(folder: Path) -> tuple[StoreBatches, list[tuple[int, int]], list[float]]:
    """Batches of the store, the samples of the first, and the seconds of each of `PARTS`."""
    encode = ReportEncoder(load_tokenizer(folder / "tokenizer"))
    times = [time.process_time()]
    store = Store(folder / "store")
    times.append(time.process_time())
    batches = StoreBatches(store, FOLDS, encode)
    times.append(time.process_time())
    samples = next(iter(Steps(len(batches), BATCH, seed=0, last=1000)))
    times.append(time.process_time())
    return batches, samples, [after - before for before, after in pairwise(times)]


def measure(folder: Path, method: str) -> dict[str, list[float]]:
    """One round, in a process of its own: seconds and megabytes."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    before = memory_of()
    batches, samples, parts = start(folder)
    after = memory_of()
    loader = DataLoader(
        batches, batch_sampler=[samples], collate_fn=as_it_is, num_workers=1, persistent_workers=True,
        multiprocessing_context=method,
    )  # fmt: skip
    iterator = iter(loader)
    batch = next(iterator)
    assert batch["signal"].shape == (BATCH, 12, 5000) and len(batch["tokens"]) == BATCH
    worker = iterator._workers[0].pid  # type: ignore[attr-defined]
    memory = memory_of(worker)
    return {
        "parts": parts,
        "first batch": [processor_seconds(worker)],
        "before": [before[name] for name in MEMORY],
        "after": [after[name] for name in MEMORY],
        "worker": [memory[name] for name in MEMORY],
    }


def rounds(folder: Path, method: str, count: int) -> dict[str, list[float]]:
    """Medians over several rounds."""
    found = []
    for _ in range(count):
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
            found.append(process.submit(measure, folder, method).result())
    return {
        name: [statistics.median(values) for values in zip(*(each[name] for each in found), strict=True)]
        for name in found[0]
    }


def report(records: int, index: float, count: int, forked: dict, spawned: dict) -> str:
    """The result file."""

    def row(name: str, values: list[float]) -> str:
        return f"| {name} | " + " | ".join(f"{value:,.0f}" for value in values) + " |"

    return "\n".join(
        [
            f"# Start-up of a store of {records:,} records",
            "",
            f"Index of {index:.0f} MB, 1 to 6 statements a record out of 1,500 phrases, folds 1-8, batches "
            f"of {BATCH}. One core, processor time, medians of {count} new processes in one run of "
            f"`benchmarks/store_at_size.py`, torch {torch.__version__}, pyarrow {pyarrow.__version__}; files "
            "in the page cache.",
            "",
            "| from opening to the first batch that can be asked for | seconds |",
            "|---|---|",
            *(f"| {name} | {took:.2f} |" for name, took in zip(PARTS, forked["parts"], strict=True)),
            f"| together | {sum(forked['parts']):.2f} |",
            "",
            "| a DataLoader's worker, from its start to its first batch | seconds |",
            "|---|---|",
            f"| forked | {forked['first batch'][0]:.2f} |",
            f"| spawned: imports torch, opens the store by itself | {spawned['first batch'][0]:.2f} |",
            "",
            "| memory (MB) | private | proportional | resident |",
            "|---|---|---|---|",
            row("process, before it opens the store", forked["before"]),
            row("process, before the first batch", forked["after"]),
            row("forked worker, after its first batch", forked["worker"]),
            row("spawned worker, after its first batch", spawned["worker"]),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=800_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="Markdown file to write")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_store(folder / "store", arguments.records)
        train_tokenizer(phrases()).save_pretrained(folder / "tokenizer")
        index = (folder / "store/index.parquet").stat().st_size / 1e6
        forked, spawned = (rounds(folder, method, arguments.rounds) for method in ("fork", "spawn"))
    text = report(arguments.records, index, arguments.rounds, forked, spawned) + "\n"
    print(text, end="")
    if arguments.out:
        arguments.out.write_text(text)


if __name__ == "__main__":
    main()
