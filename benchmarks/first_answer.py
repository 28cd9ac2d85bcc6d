"""Time a new user: from a clone of the project to an answer about a file of a device.

    python benchmarks/first_answer.py --recording FILE --folder FOLDER [--out RESULT]

Clones the project into a temporary folder and follows the beginning of the README there, with a recording
and a folder of recordings. The packages come from pip's index or its cache, which decides the first step.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from _common import RESULTS, parser, publish

ROOT = RESULTS.parents[1]


def seconds_of(command: list[str], folder: Path) -> float:
    """Return the seconds of a command; exit code 1 means that some recordings cannot be used."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return time.perf_counter() - start


def main() -> None:
    options = parser(__doc__, recording=Path, folder=Path, out=None).parse_args()
    with TemporaryDirectory() as folder:
        clone = Path(folder) / "melp"
        steps = {
            "clone the project": ["git", "clone", "-q", str(ROOT), str(clone)],
            "`./run demo`, which installs": ["./run", "demo"],
            "`./run demo` again": ["./run", "demo"],
            "`./run melp classify FILE`": ["./run", "melp", "classify", str(options.recording)],
            "`./run melp report FOLDER`": ["./run", "melp", "report", str(options.folder)],
        }
        rows = []
        for number, (title, command) in enumerate(steps.items()):
            rows.append((title, f"{seconds_of(command, clone if number else Path(folder)):.1f}"))
    lines = ["| step | seconds |", "| --- | ---: |", *(f"| {title} | {taken} |" for title, taken in rows)]
    note = f"Wall time on {os.cpu_count()} cores; pip installed from the index or the cache that it has here."
    publish(options.out, "# From a clone to an answer", "\n".join(lines), note)


if __name__ == "__main__":
    main()
