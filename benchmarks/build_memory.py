"""Memory of a build and of its workers, for a corpus of 10,000 records and one of 100,000.

    python benchmarks/build_memory.py [--out benchmarks/results/build_memory.md]

The corpus is simulated, in MIMIC-IV-ECG's layout (12 x 500 samples, format 16); nearly all of its signal
files are hard links to 32. Recordings of 1 s save disk space, and memory that grows with a corpus does not
depend on their length. The table gives the peak resident memory of the build and of its largest worker.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from _common import parser, publish
from build_speed import make_tree

from melp.evaluation.tables import markdown_table

TABLES = ("record_list.csv", "machine_measurements.csv")


def peak(process: int | str) -> int:
    """Return the peak resident kilobytes of a process; 0 if it has ended."""
    with suppress(OSError, IndexError):
        return int(Path(f"/proc/{process}/status").read_text().partition("VmHWM:")[2].split()[0])
    return 0


def build(raw: Path, out: Path, workers: int) -> tuple[float, float]:
    """Build a store; return peak megabytes of the build and of its largest worker."""
    program = [sys.executable, "-c", "from melp.cli import main; main()"]
    words = ["data", "build", "mimic-iv-ecg", "--raw", str(raw), "--out", str(out), "--seconds", "1"]
    kilobytes, largest = 0, 0
    with subprocess.Popen([*program, *words, "--workers", str(workers)]) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while process.poll() is None:
            kilobytes = max(kilobytes, peak(process.pid))
            with suppress(OSError):
                largest = max([largest, *map(peak, children.read_text().split())])
            time.sleep(0.05)
    if process.returncode:
        sys.exit(process.returncode)
    return kilobytes / 1024, largest / 1024


def main() -> None:
    options = parser(__doc__, workers=2, out=None)
    options.add_argument("--records", type=int, nargs="+", default=[10_000, 100_000])
    arguments = options.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        raw = make_tree(folder / "raw", max(arguments.records), seconds=1)
        for records in sorted(arguments.records, reverse=True):
            for file in (raw / table for table in TABLES):
                file.write_text("".join(file.read_text().splitlines(keepends=True)[: records + 1]))
            megabytes = build(raw, folder / f"store-{records}", arguments.workers)
            rows.append((records, *(f"{number:.0f}" for number in megabytes)))
    table = markdown_table(("records", "build (MB)", "worker (MB)"), reversed(rows))
    publish(arguments.out, table, f"Peak resident memory, {arguments.workers} workers.")


if __name__ == "__main__":
    main()
