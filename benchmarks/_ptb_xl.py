"""Runs on the PTB-XL recordings at hand: folds, training, evaluation, committed rows."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path

from melp.data.store import Store
from melp.evaluation.probe import probe
from melp.evaluation.results import copy_results
from melp.evaluation.tables import TIMES
from melp.evaluation.zero_shot import zero_shot
from melp.hub import load
from melp.recipes import Recipe
from melp.tasks import get_task
from melp.training.pretrain import pretrain

TRAINING, VALIDATION, TEST = tuple(range(1, 8)), (8,), (9, 10)
SECONDS = "seconds.json"
CLOCK = "CPU time on one thread"


def train(name: str, store: Store, recipe: Recipe, run: Path, before: float = 0) -> None:
    """Pretrain a method unless its run is complete; CPU seconds, with those `before`, go to the run."""
    if (run / SECONDS).exists():
        return
    start = time.process_time()
    pretrain(name, store, recipe, run)
    (run / SECONDS).write_text(json.dumps(before + time.process_time() - start))


def seconds_of(run: Path) -> float:
    """Return the CPU seconds of a run's training."""
    return float(json.loads((run / SECONDS).read_text()))


def evaluate_run(run: Path, store: Store, tasks: Mapping[str, int]) -> None:
    """Evaluate a run by linear probes, and by zero-shot if it has a space shared with text.

    `tasks` maps names to the fewest positives of a class that counts. Results and predictions go to the run.
    """
    model = load(run)
    for name, least in tasks.items():
        task, options = [get_task(name)], {"folds": TEST, "min_positives": least}
        if model.config["method"]["global_weight"]:
            zero_shot(model, store, task, **options, out=run)
        probe(model, store, task, train_folds=TRAINING, **options, out=run)


def commit_runs(runs: Mapping[Path, str], folder: Path) -> None:
    """Copy the results of runs, which map to groups, and the times of their trainings to a folder of rows."""
    times: dict[str, list[float]] = {}
    for run, group in runs.items():
        times.setdefault(group, []).append(seconds_of(run))
        copy_results([run, run / "reports"], folder / f"{run.name}.jsonl")
    (folder / TIMES).write_text(json.dumps({"clock": CLOCK, "seconds": times}, indent=1) + "\n")
