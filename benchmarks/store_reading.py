"""Read records at random from a store, against `wfdb.rdsamp` on the same recordings, as a ratio.

    python benchmarks/store_reading.py --raw PTB-XL --store STORE [--out benchmarks/results/store_reading.md]

Both read the same recordings in the same order, in turns, after one pass that fills the page cache for both.
The store must be built from the same folder at the recordings' own rate (500 Hz).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import wfdb
from _common import in_turns, parser, publish, speed_table

from melp.data.store import Store

ROUNDS, BATCH = 5, 64


def main() -> None:
    options = parser(__doc__, raw=Path, store=Path, records=512, out=None).parse_args()
    store = Store(options.store)
    names = pd.read_csv(options.raw / "ptbxl_database.csv", index_col="ecg_id")["filename_hr"]
    rows = np.random.default_rng(0).permutation(len(store))[: options.records]
    stems = [str(options.raw / names[int(store.index["id"].iloc[row])]) for row in rows]
    batches = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
    signal, _ = wfdb.rdsamp(stems[0])
    assert np.array_equal(np.rint(signal.T * 1000), store.signals(rows[:1])[0]), "not the same recordings"
    sides = {
        "wfdb.rdsamp": lambda: [wfdb.rdsamp(stem) for stem in stems],
        "store": lambda: [store.signals(batch) for batch in batches],
    }
    in_turns(sides, 1)
    note = (
        f"{len(rows)} records of 12 x {store.samples} at random, processor time, median of {ROUNDS} rounds."
    )
    publish(options.out, speed_table(len(rows), in_turns(sides, ROUNDS)), note)


if __name__ == "__main__":
    main()
