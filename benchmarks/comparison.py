"""MELP against other methods on PTB-XL: linear probes at 10 and 100 %, paired bootstrap over patients.

    python benchmarks/comparison.py --data STORE --runs DIR [--first melp] [--others merl,simclr] [--out FILE]

DIR holds runs METHOD-SEED or METHOD+OTHER-SEED, as `methods.py` leaves them; all seeds that are there count.
At 10 % each run is probed on the same ten stratified subsets of folds 1-7. A method's area is the mean over
its seeds and subsets, on folds 9 and 10, over classes with at least five positives there. With --reading all
networks that give the means of their stages are read alike: `frames` (the last stage) or `stages` (all, side
by side). Runs that were probed are not probed again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
from ptb_xl_judging import JUDGED, TRAINED, score_tables

from melp.data.store import Store
from melp.evaluation.comparison import Difference, compare
from melp.evaluation.judging import divide, patients_of, save
from melp.evaluation.probe import probe_all
from melp.evaluation.results import PREDICTIONS
from melp.hub import Model, load
from melp.tasks import get_task

TASKS = ("ptbxl-super", "ptbxl-sub", "ptbxl-form", "ptbxl-rhythm")
FRACTIONS = (10, 100)
SUBSETS = tuple(range(10))
LEAST = 5

Scores = dict[tuple[str, float], list[pd.DataFrame]]
"""Scores of each task and fraction, one table a seed and subset."""


def scores(store: Store, runs: Sequence[Path], reading: str) -> Scores:
    """Scores of the judged records by the probes of all runs of a method."""
    found: Scores = {}
    for run in runs:
        folder = run / f"comparison-{reading or 'own'}"
        if not (folder / PREDICTIONS).exists():
            _probe(store, run, reading, folder)
        for (task, fraction, _), table in score_tables(folder, ("task", "fraction", "seed")).items():
            found.setdefault((task, fraction), []).append(table)
    return found


def _probe(store: Store, run: Path, reading: str, folder: Path) -> None:
    judged = probe_all(
        _read_as(load(run), reading),
        store,
        [get_task(name) for name in TASKS],
        fractions=FRACTIONS,
        seeds=SUBSETS,
        folds=JUDGED,
        train_folds=TRAINED,
        min_positives=LEAST,
    )
    save(judged, folder)


def _read_as(model: Model, reading: str) -> Model:
    config = model.method.config
    if reading and hasattr(config, "probe"):
        model.method.config = replace(config, probe=reading)
    return model


def differences(store: Store, first: Scores, second: Scores) -> dict[tuple[str, float], Difference]:
    """How far the first method is ahead of the second in each task and fraction."""
    found = {}
    for (name, fraction), tables in first.items():
        part = divide(get_task(name), store, JUDGED, TRAINED)
        found[name, fraction] = compare(
            tables,
            second[name, fraction],
            part.labels.loc[part.judged],
            patients_of(store, part.judged),
            min_positives=LEAST,
        )
    return found


def table(first: str, others: dict[str, dict[tuple[str, float], Difference]]) -> str:
    """A row a task and fraction, two columns a method, as Markdown."""
    head = ["task", "labels", first, *(text for name in others for text in (name, f"less {name}"))]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for cell in next(iter(others.values())):
        each = [found[cell] for found in others.values()]
        values = [
            f"{one.second:.3f} | {one.difference:+.3f} ({one.lo:+.3f} to {one.hi:+.3f})" for one in each
        ]
        lines.append(f"| {cell[0]} | {cell[1]:g} % | {each[0].first:.3f} | {' | '.join(values)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--first", default="melp")
    parser.add_argument("--others", default="merl,simclr")
    parser.add_argument("--reading", default="", choices=("", "frames", "stages"))
    parser.add_argument("--out", type=Path, help="Markdown file for the table; a JSON file goes beside it")
    arguments = parser.parse_args()
    store, names = Store(arguments.data), [arguments.first, *arguments.others.split(",")]
    runs = {name: sorted(arguments.runs.glob(f"{name}-[0-9]*")) for name in names}
    found = {name: scores(store, folders, arguments.reading) for name, folders in runs.items()}
    others = {name: differences(store, found[arguments.first], found[name]) for name in names[1:]}
    seeds = ", ".join(f"{name} {len(folders)}" for name, folders in runs.items())
    text = (
        f"{table(arguments.first, others)}\nMacro AUROC. Less: how far {arguments.first} is ahead, with its "
        f"95 % interval over patients. Seeds: {seeds}.\n"
    )
    if arguments.out:
        arguments.out.write_text(text, encoding="utf-8")
        values = [
            {"other": name, "task": task, "fraction": fraction, **asdict(one)}
            for name, cells in others.items()
            for (task, fraction), one in cells.items()
        ]
        arguments.out.with_suffix(".json").write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
