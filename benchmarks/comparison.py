"""Compare methods on PTB-XL: linear probes with 10 and 100 % of the labels, intervals over patients.

    python benchmarks/comparison.py --data STORE --runs DIR [--first melp] [--others merl,NAME] [--name NAME]

DIR contains runs METHOD-SEED or METHOD+OTHER-SEED, as `methods.py` leaves them; all seeds found count. At
10 % each run is probed on the same ten stratified subsets of folds 1-7. A method's area is the mean over
its seeds and subsets, on folds 9 and 10, over classes with at least five positives there. With --reading,
all networks that offer it are probed on `frames` (the last stage) or `stages` (all of them). By default the
others are MERL and the method without reports that is nearest to the first in
benchmarks/results/methods.json. Completed probes are not repeated. The rows go to
benchmarks/results/NAME.json; `benchmarks/tables.py` writes the table. Rows without a p-value have intervals
of a percentile bootstrap; these are shown for tasks in which they cover at least 93 %
(benchmarks/results/intervals.json), and their p-values are those that fit the interval.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd
from _common import RESULTS, parser
from _interval_tables import WANTED, paired_coverage
from _ptb_xl import TEST, TRAINING

from melp.data.store import Store
from melp.evaluation.comparison import compare, holm, p_from_interval
from melp.evaluation.probe import probe
from melp.evaluation.split import patients_of, split_records
from melp.evaluation.tables import change_cell, markdown_table
from melp.hub import load
from melp.methods import get_method
from melp.tasks import get_task

TASKS = ("ptbxl-super", "ptbxl-sub", "ptbxl-form", "ptbxl-rhythm")
FRACTIONS = (10, 100)
SUBSETS = tuple(range(10))
LEAST = 5
ALPHA = 0.05

Scores = dict[tuple[str, float], list[pd.DataFrame]]
"""Scores of each task and fraction, one table per seed and subset."""


def scores_of(store: Store, runs: list[Path], reading: str) -> Scores:
    """Return scores of the test records by the probes of all runs of a method."""
    scores: Scores = {}
    for run in runs:
        folder = run / f"comparison-{reading or 'own'}"
        model = load(run)
        if reading and hasattr(model.method.config, "probe"):
            model.method.config = replace(model.method.config, probe=reading)
        options: dict[str, Any] = {"folds": TEST, "train_folds": TRAINING, "min_positives": LEAST}
        tasks = list(map(get_task, TASKS))
        for one in probe(model, store, tasks, fractions=FRACTIONS, seeds=SUBSETS, **options, out=folder):
            scores.setdefault((one.cell.task, one.cell.fraction), []).append(one.scores)
    return scores


def differences(store: Store, name: str, first: Scores, second: Scores) -> list[dict[str, Any]]:
    """Return the difference between two methods in each task and fraction; `name` is that of the second."""
    cells = []
    for (task, fraction), tables in first.items():
        split = split_records(get_task(task), store, TEST, TRAINING)
        labels, patients = split.labels.loc[split.test], patients_of(store, split.test)
        difference = compare(tables, second[task, fraction], labels, patients, min_positives=LEAST)
        cells.append({"other": name, "task": task, "fraction": fraction, **asdict(difference)})
    return cells


def table(file: Path) -> str:
    """Return committed rows as Markdown: one row per task and fraction, two columns per method."""
    rows = json.loads(file.read_text())
    first, seeds = rows["first"], rows["seeds"]
    others = [name for name in seeds if name != first]
    cells = {(cell["task"], cell["fraction"], cell["other"]): cell for cell in rows["cells"]}
    lines = []
    beyond = beyond_chance(rows["cells"])
    for task, fraction in dict.fromkeys((cell["task"], cell["fraction"]) for cell in rows["cells"]):
        own = [cells[task, fraction, name] for name in others]
        line = [task, f"{fraction:g} %", f"{own[0]['first']:.3f}"]
        for cell in own:
            star = beyond[rows["cells"].index(cell)]
            line += [f"{cell['second']:.3f}", change_cell(cell["difference"], *shown(cell)[:2], star)]
        lines.append(line)
    names = ["task", "labels", first]
    for name in others:
        names += [name, f"difference to {name.upper()}"]
    note = (
        f"Macro AUROC. Difference: {first} minus the other method, with its 95 % interval over patients "
        f"(none where its measured coverage is below {WANTED} %). {star_note(rows['cells'])} "
        f"Seeds: {', '.join(f'{name} {count}' for name, count in seeds.items())}.\n"
    )
    return markdown_table(names, lines) + "\n" + note


def shown(cell: dict[str, Any], least: int = LEAST) -> tuple[float | None, float | None, float | None]:
    """Return the interval and the p-value of a difference; None where the interval covers too little."""
    if "p" in cell:
        return cell["lo"], cell["hi"], cell["p"]
    if paired_coverage(cell["task"], least) < WANTED:
        return None, None, None
    return cell["lo"], cell["hi"], p_from_interval(cell["difference"], cell["lo"], cell["hi"])


def beyond_chance(cells: list[dict[str, Any]], least: int = LEAST) -> list[bool]:
    """Return which differences are beyond chance, corrected for the number of differences of a table."""
    corrected = holm([shown(cell, least)[2] for cell in cells])
    return [value is not None and value < ALPHA for value in corrected]


def star_note(cells: list[dict[str, Any]]) -> str:
    """Return what a star after a difference means."""
    return (
        f"*: beyond chance over patients, p < {ALPHA} after Holm's correction for {len(cells)} comparisons; "
        "how much other seeds would differ is not part of it."
    )


def nearest_without_reports(first: str) -> str:
    """Return the method without reports whose mean probe is nearest to that of a method."""
    runs = pd.DataFrame(json.loads((RESULTS / "methods.json").read_text())["runs"])
    means = runs.groupby("method")["probe"].mean()
    others = [name for name in means.index if "+" not in name and "text" not in get_method(name).needs]
    return str((means[others] - means[first]).abs().idxmin())


def main() -> None:
    options = parser(__doc__, data=Path, runs=Path, first="melp", others="", reading="", name="comparison")
    arguments = options.parse_args()
    others = arguments.others or f"merl,{nearest_without_reports(arguments.first)}"
    store, names = Store(arguments.data), [arguments.first, *others.split(",")]
    runs = {name: sorted(arguments.runs.glob(f"{name}-[0-9]*")) for name in names}
    scores = {name: scores_of(store, folders, arguments.reading) for name, folders in runs.items()}
    cells = [
        cell for name in names[1:] for cell in differences(store, name, scores[arguments.first], scores[name])
    ]
    seeds = {name: len(folders) for name, folders in runs.items()}
    file = RESULTS / f"{arguments.name}.json"
    rows = {"first": arguments.first, "seeds": seeds, "cells": cells}
    file.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print(table(file))


if __name__ == "__main__":
    main()
