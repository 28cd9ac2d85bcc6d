"""Memory of a loader's workers over a corpus of 100,000 records, while every record is read once.

    python benchmarks/worker_memory.py [--records 100000] [--out benchmarks/results/worker_memory.md]

The store has a real index and shards that are holes in sparse files: a reader sees 12 GB, the disk stores
nothing. Two workers make batches of 256 with their text. Memory is measured after every twentieth batch, and
the table gives the maximum.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import torch
from _common import memory_of, parser, publish
from simulated_store import RECORD, make_store, phrases

from melp.data.batches import Steps, StoreBatches
from melp.data.store import Store
from melp.evaluation.tables import markdown_table
from melp.text.tokenizer import ReportEncoder, train_tokenizer
from melp.training.fit import loader

BATCH, WORKERS, EVERY = 256, 2, 20
TITLES = {
    "private": "private: the worker's own",
    "proportional": "proportional: with its share of memory that processes share",
    "resident": "resident: with all memory that processes share",
}


def largest(batches: StoreBatches) -> tuple[dict[str, float], float]:
    """Return the maximum memory (MB) of a worker in an epoch, and records per second."""
    steps = Steps(len(batches), BATCH, seed=0, last=len(batches) // BATCH)
    epoch = loader(batches, steps, WORKERS)
    most = dict.fromkeys(TITLES, 0.0)
    start = time.perf_counter()
    for number, batch in enumerate(epoch):
        assert batch["signal"].shape == (BATCH, 12, 5000)
        if number % EVERY == 0 or number == len(steps) - 1:
            for worker in epoch._iterator._workers:  # type: ignore[union-attr]
                now = memory_of(worker.pid)
                most = {name: max(most[name], now[name]) for name in most}
    return most, len(steps) * BATCH / (time.perf_counter() - start)


def main() -> None:
    options = parser(__doc__, records=100_000, out=None).parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        store = Store(make_store(Path(name) / "store", options.records))
        batches = StoreBatches(store, None, ReportEncoder(train_tokenizer(phrases())))
        most, speed = largest(batches)
    note = (
        f"{WORKERS} forked workers, batch {BATCH}, one epoch of {options.records * RECORD / 1e9:.0f} GB of "
        f"signals with text; the maximum of a worker. One run of `benchmarks/worker_memory.py`, torch "
        f"{torch.__version__}; {speed:,.0f} records/s."
    )
    rows = [(title, f"{most[name]:,.0f}") for name, title in TITLES.items()]
    title = f"# Memory of a loader's worker over {options.records:,} records"
    publish(options.out, title, note, markdown_table(("memory", "MB"), rows))


if __name__ == "__main__":
    main()
