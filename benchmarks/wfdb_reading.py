"""Reading WFDB records: `melp.read` against `wfdb.rdsamp` on the same recordings, as a ratio.

    python benchmarks/wfdb_reading.py PTB-XL CPSC2018 CSN

Each folder is searched for headers. Both read the same records in turns, on one thread, after one pass that
fills the page cache and checks that the millivolts are the same float32. `melp.read` also puts the leads
in order and refuses NaN and flat recordings. Seconds are the processor's: a machine has other work to do.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import wfdb

import melp

ROUNDS = 9


def milliseconds(work: Callable[[str], object], stems: list[str]) -> float:
    """Milliseconds of the processor that `work` takes for one of `stems`."""
    start = time.process_time()
    for stem in stems:
        work(stem)
    return (time.process_time() - start) / len(stems) * 1e3


def compare(stems: list[str]) -> int:
    """The number of samples of the longest record, all of which both read alike."""
    longest = 0
    for stem in stems:
        ours, (theirs, _) = melp.read(stem).signal, wfdb.rdsamp(stem)
        assert np.array_equal(ours, theirs.T.astype(np.float32)), f"{stem}: not the same numbers"
        longest = max(longest, ours.shape[1])
    return longest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--records", type=int, default=200, help="at most, of each folder")
    options = parser.parse_args()
    print(f"processor time a record, one thread, best of {ROUNDS} rounds")
    print(f"{'':12} {'records':>8} {'longest':>12} {'wfdb.rdsamp':>12} {'melp.read':>10} {'ratio':>6}")
    for folder in options.folders:
        headers = sorted(folder.rglob("*.hea"))
        stems = [str(header.with_suffix("")) for header in headers[:: -(-len(headers) // options.records)]]
        longest = compare(stems)
        pairs = [(milliseconds(wfdb.rdsamp, stems), milliseconds(melp.read, stems)) for _ in range(ROUNDS)]
        slow, fast = np.array(pairs).min(axis=0)
        shape = f"12 x {longest}"
        print(f"{folder.name:12} {len(stems):8} {shape:>12} {slow:9.2f} ms {fast:7.3f} ms {slow / fast:6.1f}")


if __name__ == "__main__":
    main()
