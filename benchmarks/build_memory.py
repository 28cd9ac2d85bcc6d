"""Memory of a build and of its workers, for a corpus of 10,000 records and one of 100,000.

    python benchmarks/build_memory.py

The corpus is simulated, in MIMIC-IV-ECG's layout (12 x 500 samples, format 16), nearly all of its signal
files hard links of 32; recordings of 1 s spare the disk, and what grows with a corpus does not depend on
their length. Told is the most that was resident at any time, of the build and of its greatest worker.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from build_speed import make_tree

BUILD = """
import sys
from pathlib import Path
from melp.data.build import build

if __name__ == "__main__":
    build("mimic-iv-ecg", Path(sys.argv[1]), Path(sys.argv[2]), seconds=1, workers=int(sys.argv[3]))
"""


def shorten(raw: Path, records: int) -> None:
    """Leaves the first `records` rows of the corpus's tables."""
    for file in (raw / "record_list.csv", raw / "machine_measurements.csv"):
        file.write_text("".join(file.read_text().splitlines(keepends=True)[: records + 1]))


def most_resident(process: int) -> int:
    """Kilobytes that a process had at most; 0 where it has ended."""
    try:
        text = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith("VmHWM")), 0)


def children(process: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except OSError:
        return []


def watch(command: list[str]) -> tuple[float, float]:
    """Runs a build; megabytes of the build and of its greatest worker."""
    build, worker = 0, 0
    with subprocess.Popen(command) as process:
        while process.poll() is None:
            build = max(build, most_resident(process.pid))
            worker = max([worker, *map(most_resident, children(process.pid))])
            time.sleep(0.05)
    if process.returncode:
        sys.exit(process.returncode)
    return build / 1024, worker / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    print(f"{'records':>8} {'build':>9} {'worker':>9}  most resident, {options.workers} workers")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        raw = make_tree(folder / "raw", max(options.records), seconds=1)
        script = folder / "build_store.py"
        script.write_text(BUILD)
        lines = []
        for records in sorted(options.records, reverse=True):
            shorten(raw, records)
            out = folder / f"store-{records}"
            build, worker = watch([sys.executable, str(script), str(raw), str(out), str(options.workers)])
            lines.append(f"{records:8} {build:6.0f} MB {worker:6.0f} MB")
        print(*reversed(lines), sep="\n")


if __name__ == "__main__":
    main()
