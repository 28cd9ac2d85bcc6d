"""Memory of a loader's workers over a corpus of 100,000 records, while every record is read once.

    python benchmarks/worker_memory.py [--records 100000] [--out benchmarks/results/worker_memory.md]

The store has a real index, and shards that are holes in sparse files: 12 GB to a reader, nothing on disk. Two
workers make batches of 256 with their text. Their memory is looked at after every twentieth batch, and the
most is told.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import torch
from _common import memory_of
from simulated_store import RECORD, make_store, phrases

from melp.data.batches import Steps, StoreBatches
from melp.data.store import Store
from melp.text.tokenizer import ReportEncoder, train_tokenizer
from melp.training.fit import loader

BATCH, WORKERS, EVERY = 256, 2, 20


def largest(batches: StoreBatches) -> tuple[dict[str, float], float]:
    """The most memory (MB) that a worker had in an epoch, and records a second."""
    steps = Steps(len(batches), BATCH, seed=0, last=len(batches) // BATCH)
    made = loader(batches, steps, WORKERS)
    most = dict.fromkeys(memory_of(), 0.0)
    start = time.perf_counter()
    for number, batch in enumerate(made):
        assert batch["signal"].shape == (BATCH, 12, 5000)
        if number % EVERY == 0 or number == len(steps) - 1:
            for worker in made._iterator._workers:  # type: ignore[union-attr]
                now = memory_of(worker.pid)
                most = {name: max(most[name], now[name]) for name in most}
    return most, len(steps) * BATCH / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--out", type=Path, help="Markdown file to write")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        store = Store(make_store(Path(name) / "store", arguments.records))
        batches = StoreBatches(store, None, ReportEncoder(train_tokenizer(phrases())))
        most, speed = largest(batches)
    lines = [
        f"# Memory of a loader's worker over {arguments.records:,} records",
        "",
        f"{WORKERS} forked workers, batch {BATCH}, one epoch of {arguments.records * RECORD / 1e9:.0f} GB of "
        f"signals with text; the most that a worker had. One run of `benchmarks/worker_memory.py`, torch "
        f"{torch.__version__}; {speed:,.0f} records/s.",
        "",
        "| memory | MB |",
        "|---|---|",
        f"| private: the worker's own | {most['private']:,.0f} |",
        f"| proportional: and its share of what it has with others | {most['proportional']:,.0f} |",
        f"| resident: and all that it has with others | {most['resident']:,.0f} |",
    ]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if arguments.out:
        arguments.out.write_text(text)


if __name__ == "__main__":
    main()
