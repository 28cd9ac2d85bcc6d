"""Memory of a build and of its workers, for a corpus of 10,000 records and one of 100,000.

    python benchmarks/build_memory.py

The corpus is simulated, in MIMIC-IV-ECG's layout (12 x 5000 samples, format 16), nearly all of its signal
files hard links of 32; the store keeps 2 s of each recording, to spare the disk. Each build runs in a process
of its own; what is told is the most that was resident at any time (`getrusage`), of the build and of its
greatest worker.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from build_speed import make_tree

BUILD = """
import json, resource, sys, time
from pathlib import Path
from melp.data.build import build

if __name__ == "__main__":
    start = time.perf_counter()
    summary = build("mimic-iv-ecg", Path(sys.argv[1]), Path(sys.argv[2]), seconds=2, workers=int(sys.argv[3]))
    kinds = {"build": resource.RUSAGE_SELF, "worker": resource.RUSAGE_CHILDREN}
    kilobytes = {name: resource.getrusage(kind).ru_maxrss for name, kind in kinds.items()}
    print(json.dumps({"records": summary.records, "seconds": time.perf_counter() - start, **kilobytes}))
"""


def shorten(raw: Path, records: int) -> None:
    """Leaves the first `records` rows of the corpus's tables."""
    for file in (raw / "record_list.csv", raw / "machine_measurements.csv"):
        file.write_text("".join(file.read_text().splitlines(keepends=True)[: records + 1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, nargs="+", default=[100_000, 10_000])
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start = time.perf_counter()
        raw = make_tree(folder / "raw", max(options.records))
        print(f"tree made in {time.perf_counter() - start:.0f} s", file=sys.stderr)
        script = folder / "build_store.py"
        script.write_text(BUILD)
        print(f"{'records':>8} {'build':>9} {'worker':>9}  most resident, {options.workers} workers")
        for records in sorted(options.records, reverse=True):
            shorten(raw, records)
            command = [sys.executable, script, raw, folder / f"store-{records}", str(options.workers)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            told = json.loads(done.stdout)
            assert told["records"] == records
            print(f"{records:8} {told['build'] / 1024:6.0f} MB {told['worker'] / 1024:6.0f} MB", flush=True)
            print(f"{told['seconds']:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
