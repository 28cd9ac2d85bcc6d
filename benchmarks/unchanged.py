"""Records what this version computes, so that a refactoring can be compared with the version before it.

    python benchmarks/unchanged.py record before.json --ptb-xl DIR    (in a checkout of the old version)
    python benchmarks/unchanged.py record after.json --ptb-xl DIR     (in the new one)
    python benchmarks/unchanged.py compare before.json after.json

A record contains the SHA-256 of every file of some stores, the losses of the first 20 steps of every method's
recipe `tiny`, and the results of zero-shot, probe and generation. Everything runs through the command line,
which stays the same when modules move. `compare` prints each difference and exits with 1 if there is one;
`--renamed told=accuracy` compares log entries that have a new name.

The log of a build contains its date, and the manifest of a store the digest of the source code: both are
left out.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

METHODS = (
    *("melp", "merl", "simclr", "byol", "barlow_twins", "moco_v3", "simsiam"),
    *("ts_tcc", "clocs", "astcl", "crt", "st_mem", "heartlang", "ecg_fm"),
)
STEPS = 20
TOLERANCE = 1e-6
LEFT_OUT = ("build.log", "manifest.json")


def melp(*arguments: str) -> None:
    """Runs one command of the version that is on the path."""
    command = [sys.executable, "-c", "from melp.cli import main; main()", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"melp {' '.join(arguments)}: exit code {done.returncode}\n{done.stderr}")
    print("melp", *arguments, file=sys.stderr)


def store_files(store: Path) -> dict[str, str]:
    """SHA-256 of each file of a store, and its manifest without the versions of the code."""
    manifest = json.loads((store / "manifest.json").read_text())
    del manifest["versions"]
    files = [file for file in sorted(store.rglob("*")) if file.is_file() and file.name not in LEFT_OUT]
    digests = {str(file.relative_to(store)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    return {**digests, "manifest.json": json.dumps(manifest, sort_keys=True)}


def losses(run: Path) -> list[dict[str, float]]:
    """All scalars of each line of a run's log."""
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def results(folder: Path) -> list[dict[str, float]]:
    """The numbers of each line of `results.jsonl`, sorted; paths and digests differ between runs."""
    lines = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    numbers = [{name: value for name, value in line.items() if isinstance(value, float)} for line in lines]
    return sorted(numbers, key=lambda line: json.dumps(line, sort_keys=True))


def record(ptb_xl: Path | None, methods: list[str]) -> dict[str, Any]:
    """Everything that is compared."""
    found: dict[str, Any] = {"stores": {}, "losses": {}, "results": {}}
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        builds = {
            "synthetic": ["synthetic", "--records", "200", "--rate", "100"],
            "synthetic-compressed": ["synthetic", "--records", "50", "--rate", "500", "--compress"],
        }
        if ptb_xl is not None:
            builds["ptb-xl"] = ["ptb-xl", "--raw", str(ptb_xl), "--rate", "100", "--allow-missing"]
        for name, arguments in builds.items():
            melp("data", "build", *arguments, "--workers", "2", "--out", str(work / name))
            found["stores"][name] = store_files(work / name)
        for method in methods:
            run = work / "runs" / method
            length = f"training.max_steps={STEPS}"
            store = str(work / "synthetic")
            melp("pretrain", method, "--data", store, "--out", str(run), "--recipe", f"{method}/tiny", length)
            found["losses"][method] = losses(run)
        if "melp" in methods:
            found["results"] = judge(work / "runs" / "melp", work / "synthetic", work)
    return found


def judge(run: Path, store: Path, work: Path) -> dict[str, Any]:
    """Results of zero-shot, probe and generation."""
    found: dict[str, Any] = {}
    for command in ("zero-shot", "probe"):
        out = work / command
        melp(command, str(run), "--task", "synthetic", "--data", str(store), "--out", str(out))
        melp("results", str(out))
        found[command] = results(out)
    melp("generate", str(run), "--data", str(store), "--out", str(work / "reports"))
    melp("results", str(work / "reports"))
    found["generate"] = results(work / "reports")
    return found


def differences(before: Any, after: Any, place: str = "") -> list[str]:
    """Where two records differ, numbers by more than `TOLERANCE`."""
    if isinstance(before, dict) and isinstance(after, dict):
        names = sorted({*before, *after})
        return [
            line
            for name in names
            for line in differences(before.get(name), after.get(name), f"{place}/{name}")
        ]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return [line for row, pair in pairs for line in differences(*pair, f"{place}/{row}")]
    if isinstance(before, float) and isinstance(after, float):
        same = math.isclose(before, after, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
        same = same or (math.isnan(before) and math.isnan(after))
        return [] if same else [f"{place}: {before!r}, then {after!r}"]
    return [] if before == after else [f"{place}: {str(before)[:80]}, then {str(after)[:80]}"]


def rename(values: Any, names: dict[str, str]) -> Any:
    """Return the record with new names for some entries of the logs."""
    if isinstance(values, list):
        return [rename(value, names) for value in values]
    if not isinstance(values, dict):
        return values
    parts = {name: name.rpartition("/") for name in values}
    return {
        f"{before}{slash}{names.get(last, last)}": rename(values[name], names)
        for name, (before, slash, last) in parts.items()
    }


def count(values: Any) -> int:
    """How many values a record holds."""
    if isinstance(values, dict | list):
        return sum(map(count, values.values() if isinstance(values, dict) else values))
    return 1


def main() -> None:
    """Records or compares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    recording = commands.add_parser("record")
    recording.add_argument("file", type=Path)
    recording.add_argument("--ptb-xl", type=Path)
    recording.add_argument("--methods", default=",".join(METHODS))
    comparing = commands.add_parser("compare")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    comparing.add_argument("--renamed", default="", help="old=new,old=new")
    arguments = parser.parse_args()
    if arguments.command == "record":
        found = record(arguments.ptb_xl, arguments.methods.split(","))
        arguments.file.write_text(json.dumps(found, indent=1) + "\n")
        print(f"{arguments.file}: {count(found)} values")
        return
    before, after = (json.loads(file.read_text()) for file in (arguments.before, arguments.after))
    names = dict(pair.split("=") for pair in filter(None, arguments.renamed.split(",")))
    before["losses"] = rename(before["losses"], names)
    lines = differences(before, after)
    print(*lines, sep="\n", end="\n" if lines else "")
    print(f"{count(before)} values compared, {len(lines)} differ")
    sys.exit(bool(lines))


if __name__ == "__main__":
    main()
