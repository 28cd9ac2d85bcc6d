"""Kill a plan at random moments, resume it, and compare its results with those of a plan that was left alone.

    python benchmarks/plan_kills.py [--kills 20] [--seed 0] [--out benchmarks/results/plan_kills.md]

The plan trains two methods with two seeds on simulated recordings in two processes, evaluates them by a probe
and by prompts, and writes two tables. SIGKILL ends all of its processes at once, after a random number of
processor seconds, between the first file of the experiment and what the plan takes in all. The same
command resumes it. When only tables are left, the plan runs to its end and is compared, and another begins in
an empty folder.
All tables, predictions and metrics must be the same, byte for byte.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import yaml
from _common import parser, publish

from melp.data.build import build
from melp.evaluation.tables import markdown_table
from melp.plans import read_plan
from melp.plans.units import describe
from melp.training.run_folder import is_finished

MODEL = {"store": "s", "seeds": [0, 1]}
EVALUATION = {"store": "s", "tasks": ["synthetic"]}
PLAN = {
    "models": {
        "merl": {"method": "merl", "recipe": "merl/tiny", "options": ["training.epochs=8"], **MODEL},
        "clocs": {"method": "clocs", "recipe": "clocs/tiny", "options": ["training.epochs=30"], **MODEL},
    },
    "evaluations": {
        "probe": {"kind": "probe", "fractions": [10, 100], "seeds": [0, 1], **EVALUATION},
        "zero-shot": {"kind": "zero-shot", **EVALUATION},
    },
    "tables": {
        "probe": {"layout": "any", "conditions": ["kind=probe", "fraction=100"]},
        "zero-shot": {"layout": "any", "conditions": ["kind=zero-shot"]},
    },
}
TABLES = "tables"
SECONDS = 0.01
"""Between two looks at the processes."""


def start(plan: Path, out: Path) -> subprocess.Popen[str]:
    """Start the command in a process group of its own."""
    words = ["bench", str(plan), "--out", str(out), "--jobs", "2", "--device", "cpu"]
    command = [sys.executable, "-c", "from melp.cli import main; main()", *words]
    return subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def group_seconds(group: int) -> float:
    """Return the processor seconds of all processes of a group, and of those that have ended."""
    ticks = 0
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if int(fields[2]) == group:
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def run(plan: Path, out: Path, moment: float = np.inf) -> tuple[bool, float, float]:
    """Run a plan until it ends or has used `moment` processor seconds.

    Returns:
        Whether it ended, its processor seconds, and those before it wrote its first file.
    """
    process = start(plan, out)
    used = first = 0.0
    while process.poll() is None and used < moment:
        used = group_seconds(process.pid) or used
        first = first if (out / "plan.yaml").exists() else used
        time.sleep(SECONDS)
    ended = process.poll() is not None
    if not ended:
        os.killpg(process.pid, signal.SIGKILL)
    _, messages = process.communicate()
    if ended and process.returncode:
        raise SystemExit(f"the plan failed:\n{messages}")
    return ended, used, first


def contents(out: Path) -> dict[str, bytes]:
    """Return the files of the tables, the predictions, and of each cell what its number is."""
    files = {
        str(file.relative_to(out)): file.read_bytes() for file in sorted((out / "cells").glob("*.parquet"))
    }
    for file in (out / "tables").rglob("*"):
        if file.is_file():
            files[str(file.relative_to(out))] = file.read_bytes()
    for file in (out / "cells").glob("*.json"):
        cell = json.loads(file.read_text())
        files[file.name] = json.dumps({name: cell[name] for name in ("cell", "metrics", "selected")}).encode()
    return files


def stages(plan: Path, out: Path) -> list[str]:
    """Return what an experiment was doing when it was killed, from the files that it left."""
    partial = list(out.rglob("cells/*.partial")), list(out.rglob("tables/*/*.partial"))
    found = [
        name for name, files in zip(("writing a cell", "writing a table"), partial, strict=True) if files
    ]
    if any(not is_finished(folder) for folder in out.glob("language/*") if folder.is_dir()):
        found.append("training of a language model")
    rows = describe(read_plan(plan), out)
    for run_name, state, cells, _ in rows:
        there, expected = map(int, cells.split("/"))
        if state != "trained" and (out / "runs" / run_name).exists():
            found.append("training")
        elif state == "trained" and there < expected:
            found.append("evaluation")
    if all(state == "trained" and len(set(cells.split("/"))) == 1 for _, state, cells, _ in rows):
        found.append(TABLES)
    return list(dict.fromkeys(found)) or ["imports"]


def main() -> None:
    arguments = parser(__doc__ or "", kills=20, seed=0, out=None).parse_args()
    generator = np.random.default_rng(arguments.seed)
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        build("synthetic", None, home / "store", rate=100, records=120, seed=0)
        plan, out = home / "plan.yaml", home / "killed"
        plan.write_text(yaml.safe_dump({"stores": {"s": str(home / "store")}, **PLAN}, sort_keys=False))
        _, total, first = run(plan, home / "undisturbed")
        expected = contents(home / "undisturbed")
        rows, compared, found_at = [], 0, [""]
        while len(rows) < arguments.kills or out.exists():
            killed = len(rows) < arguments.kills and TABLES not in found_at
            ended, used, _ = run(plan, out, generator.uniform(first, total) if killed else np.inf)
            if not ended:
                found_at = stages(plan, out)
                rows.append((compared + 1, f"{used:.1f}", ", ".join(found_at)))
                print(*rows[-1], file=sys.stderr, flush=True)
                continue
            found_at = [""]
            found = contents(out)
            differing = sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))
            if differing:
                raise SystemExit(f"{len(differing)} of {len(expected)} files differ: {', '.join(differing)}")
            compared += 1
            print("compared", compared, file=sys.stderr, flush=True)
            shutil.rmtree(out)
    counts = Counter(stage for *_, names in rows for stage in names.split(", "))
    plans = len({number for number, *_ in rows})
    publish(
        arguments.out,
        "# A plan that is killed at random moments",
        f"{len(rows)} kills of all processes of a plan; {plans} plans, killed and resumed until they ended, "
        f"have the same {len(expected)} files as one that was left alone: tables, predictions, metrics, byte "
        "for byte.",
        "What the two processes were doing, from the files that they left (two may differ): "
        + "; ".join(f"{name} {count}" for name, count in counts.most_common())
        + ".",
        markdown_table(("plan", "processor seconds since its start or resumption", "killed at"), rows),
        f"Alone, the plan takes {total:.0f} processor seconds. Made by `python benchmarks/plan_kills.py "
        f"--kills {arguments.kills} --seed {arguments.seed}`.",
    )


if __name__ == "__main__":
    main()
