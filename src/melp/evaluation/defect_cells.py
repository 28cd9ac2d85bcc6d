"""Cells of the published defects of an evaluation: how much each changes a model's AUROC."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd

from melp.data.store import Store
from melp.evaluation.cells import Cell, Evaluation
from melp.evaluation.defects import probe_defects, read_records, zero_shot_defects
from melp.evaluation.digests import labels_digest, tokenizer_digest
from melp.evaluation.embed import can
from melp.evaluation.evaluate import cell_of, evaluate_missing
from melp.evaluation.paper_zero_shot import find_prompts
from melp.evaluation.probe import probe_features
from melp.evaluation.prompts import read_prompts
from melp.evaluation.questions import evaluation_of
from melp.hub import Model
from melp.tasks import Task
from melp.tasks.published_labels import read_label_files

__all__ = ["evaluate_defects"]


def evaluate_defects(
    model: Model,
    store: Store,
    tasks: Sequence[Task],
    folder: Path,
    *,
    fractions: Sequence[float] = (100,),
    seeds: Sequence[int] = (0,),
    min_positives: int = 1,
    out: Path | None = None,
) -> list[Evaluation]:
    """Return what each defect does to a model on tasks: one cell for the probe of each share of the labels.

    A model with a text tower has one more for its zero-shot classification, with fraction 0. The rows of a
    cell are `auroc` and `auroc_change`; their `class` is the name of a defect.

    Args:
        model, store, folder, seeds, min_positives: see `probe_defects`.
        tasks: tasks with published label files.
        fractions: shares of the training labels, in per cent.
        out: folder of cells; those in it are not computed again.

    Raises:
        MelpError: see `probe_defects` and `zero_shot_defects`.
    """
    shares = [0.0, *map(float, fractions)] if can(model, "embed_text") else [*map(float, fractions)]
    jobs = [(task, share) for task in tasks for share in shares]
    cells = []
    for task in tasks:
        cell = replace(_cell(model, store, task, folder), min_positives=min_positives)
        for share in shares:
            read = {"seeds": list(seeds)} if share else _texts(model, task, folder)
            sides: dict[str, Any] = {"train_folds": "train" if share else "", "fraction": share}
            cells.append(replace(cell, options={**cell.options, **read}, **sides))

    def evaluate(missing: list[int]) -> Iterable[Evaluation]:
        for task, places in groupby(missing, lambda place: jobs[place][0]):
            records = read_records(task, store, folder)
            features = probe_features(model, store, records.patients.index)
            for cell, share in ((cells[place], jobs[place][1]) for place in places):
                counted: dict[str, Any] = {"min_positives": min_positives}
                if share:
                    table = probe_defects(features, records, fraction=share, seeds=seeds, **counted)
                else:
                    table = zero_shot_defects(model, store, task, folder, records, **counted)
                ids = records.exact["test"].index
                yield evaluation_of(cell, model, store, ids, _metrics(table), pd.DataFrame())

    return evaluate_missing(cells, out, evaluate)


def _cell(model: Model, store: Store, task: Task, folder: Path) -> Cell:
    """Return what the cells of a task have in common."""
    cell = cell_of("defects", model, store, task)
    files = labels_digest(*(part.labels for part in read_label_files(folder, task).values()))
    return replace(cell, protocol="paper", folds="test", options={**cell.options, "files": files})


def _texts(model: Model, task: Task, folder: Path) -> dict[str, Any]:
    """Return what a zero-shot classification depends on besides the weights."""
    file = find_prompts(folder)
    published = read_prompts(file, task) if file else {}
    return {"prompts": task.prompts, "published_prompts": published, "tokenizer": tokenizer_digest(model)}


def _metrics(table: pd.DataFrame) -> list[dict[str, object]]:
    """Return rows of metrics, two for each defect."""
    rows: list[dict[str, object]] = []
    for row in table.to_dict("records"):
        same = {"class": row["defect"], "n": row["n"]}
        rows.append({"metric": "auroc", "value": row["value"], **same})
        limits = {"lo": row["lo"], "hi": row["hi"]}
        rows.append({"metric": "auroc_change", "value": row["difference"], **limits, **same})
    return rows
