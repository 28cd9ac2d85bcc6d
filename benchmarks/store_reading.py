"""Reading records at random: a store against `wfdb.rdsamp` on the same recordings, as a ratio.

    python benchmarks/store_reading.py --raw PTB-XL --store STORE

Both read the same recordings in the same order, in turns, after one pass that fills the page cache for both.
The store must be at the recordings' own rate (500 Hz) and come from the same folder.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import wfdb

from melp.data.store import Store

ROUNDS = 5
BATCH = 64


def seconds(work: Callable[[], None]) -> float:
    """How long the processor works at it."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--raw", type=Path, required=True, help="folder of PTB-XL")
    parser.add_argument("--store", type=Path, required=True, help="store built from it at 500 Hz")
    parser.add_argument("--records", type=int, default=512)
    options = parser.parse_args()

    store = Store(options.store)
    names = pd.read_csv(options.raw / "ptbxl_database.csv", index_col="ecg_id")["filename_hr"]
    rows = np.random.default_rng(0).permutation(len(store))[: options.records]
    stems = [str(options.raw / names[int(store.index["id"].iloc[row])]) for row in rows]

    def from_wfdb() -> None:
        for stem in stems:
            wfdb.rdsamp(stem)

    def from_store() -> None:
        for start in range(0, len(rows), BATCH):
            store.signals(rows[start : start + BATCH])

    signal, _ = wfdb.rdsamp(stems[0])
    assert np.array_equal(np.rint(signal.T * 1000), store.signals(rows[:1])[0]), "not the same recordings"
    from_wfdb(), from_store()
    pairs = [(seconds(from_wfdb), seconds(from_store)) for _ in range(ROUNDS)]
    slow, fast = (np.array(times) for times in zip(*pairs, strict=True))
    print(f"{len(rows)} records of 12 x {store.samples} at random, processor time, median of {ROUNDS} rounds")
    print(f"wfdb.rdsamp  {len(rows) / np.median(slow):10.0f} records/s")
    print(f"store        {len(rows) / np.median(fast):10.0f} records/s")
    print(f"ratio        {np.median(slow / fast):10.1f}")


if __name__ == "__main__":
    main()
