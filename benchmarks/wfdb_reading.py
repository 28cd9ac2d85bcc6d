"""Read WFDB records by `melp.read`, against `wfdb.rdsamp` on the same recordings, as a ratio.

    python benchmarks/wfdb_reading.py PTB-XL CPSC2018 CSN [--out benchmarks/results/wfdb_reading.md]

Each folder is searched for headers. Both read the same records in turns, on one thread, after one pass that
fills the page cache and checks that the millivolts are the same float32. `melp.read` also orders the leads
and refuses NaN and flat recordings. Times are processor times: the machine may do other work.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import wfdb
from _common import in_turns, parser, publish

import melp
from melp.evaluation.tables import markdown_table

ROUNDS = 9


def longest(stems: list[str]) -> int:
    """Return the samples of the longest record, after checking that both read all records alike."""
    samples = 0
    for stem in stems:
        ours, (theirs, _) = melp.read(stem).signal, wfdb.rdsamp(stem)
        assert np.array_equal(ours, theirs.T.astype(np.float32)), f"{stem}: not the same numbers"
        samples = max(samples, ours.shape[1])
    return samples


def row(folder: Path, records: int) -> tuple[object, ...]:
    """Return the row of one folder."""
    headers = sorted(folder.rglob("*.hea"))
    stems = [str(header.with_suffix("")) for header in headers[:: -(-len(headers) // records)]]
    shape = f"12 x {longest(stems)}"
    readers = {"wfdb": wfdb.rdsamp, "melp": melp.read}
    sides = {name: lambda read=read: [read(stem) for stem in stems] for name, read in readers.items()}
    slow, fast = (1000 * seconds.min() / len(stems) for seconds in in_turns(sides, ROUNDS).values())
    return folder.name, len(stems), shape, f"{slow:.2f}", f"{fast:.3f}", f"{slow / fast:.1f}"


def main() -> None:
    options = parser(__doc__, records=200, out=None)
    options.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    arguments = options.parse_args()
    rows = [row(folder, arguments.records) for folder in arguments.folders]
    names = ("corpus", "records", "longest", "wfdb.rdsamp (ms)", "melp.read (ms)", "ratio")
    note = f"Processor time per record, one thread, best of {ROUNDS} rounds."
    publish(arguments.out, markdown_table(names, rows), note)


if __name__ == "__main__":
    main()
