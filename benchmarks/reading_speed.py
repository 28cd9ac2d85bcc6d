"""Read recordings by `melp.read` and from a store, against `wfdb.rdsamp` on the same files, as ratios.

    python benchmarks/reading_speed.py PTB-XL CPSC2018 CSN [--store STORE --out FILE.md]

Each folder is searched for headers; STORE must be built from the first folder at the recordings' own rate.
All sides read the same recordings in the same random order, in turns, on one thread, after one pass that
fills the page cache and checks that the millivolts are equal. `melp.read` also orders the leads and refuses
NaN and flat recordings. Times are processor times: the machine may do other work.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import wfdb
from _common import in_turns, parser, publish

import melp
from melp.data.store import Store
from melp.evaluation.embed import rows_of
from melp.evaluation.tables import markdown_table

ROUNDS, BATCH = 9, 64
Reader = Callable[[list[str]], list[np.ndarray]]


def from_wfdb(stems: list[str]) -> list[np.ndarray]:
    return [wfdb.rdsamp(stem)[0].T.astype(np.float32) for stem in stems]


def from_melp(stems: list[str]) -> list[np.ndarray]:
    return [melp.read(stem).signal for stem in stems]


def from_store(folder: Path) -> Reader:
    """Return a reader of the store's recordings, whose ids are the numbers in the names of the files."""
    store = Store(folder)

    def read(stems: list[str]) -> list[np.ndarray]:
        rows = rows_of(store, [str(int(Path(stem).name[:5])) for stem in stems])
        batches = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
        return [signal for batch in batches for signal in store.signals(batch)]

    return read


def row(title: str, stems: list[str], read: Reader) -> tuple[object, ...]:
    """Return the row of one corpus and reader."""
    signals = read(stems)
    for ours, theirs in zip(signals, from_wfdb(stems), strict=True):
        same = np.rint(theirs * 1000) if ours.dtype == np.int16 else theirs
        assert np.array_equal(ours, same), "not the same numbers"
    shape = f"12 x {max(signal.shape[1] for signal in signals)}"
    seconds = in_turns({"wfdb": lambda: from_wfdb(stems), "melp": lambda: read(stems)}, ROUNDS)
    slow, fast = (1000 * times.min() / len(stems) for times in seconds.values())
    return title, len(stems), shape, f"{slow:.2f}", f"{fast:.3f}", f"{slow / fast:.1f}"


def main() -> None:
    options = parser(__doc__, records=200, store=None, out=None)
    options.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    arguments, rows = options.parse_args(), []
    for folder in arguments.folders:
        stems = [str(header.with_suffix("")) for header in sorted(folder.rglob("*.hea"))]
        stems = np.random.default_rng(0).permutation(stems)[: arguments.records].tolist()
        rows.append(row(f"{folder.name}, melp.read", stems, from_melp))
        if arguments.store and folder == arguments.folders[0]:
            rows.append(row(f"{folder.name}, store", stems, from_store(arguments.store)))
    names = ("recordings", "records", "longest", "wfdb.rdsamp (ms)", "melp (ms)", "ratio")
    note = f"Processor time per record, one thread, best of {ROUNDS} rounds."
    publish(arguments.out, markdown_table(names, rows), note)


if __name__ == "__main__":
    main()
