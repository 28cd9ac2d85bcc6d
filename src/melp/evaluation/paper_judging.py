"""Protocol "paper": areas as published, zero-shot as published, and the cell of either."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from melp.data.store import Store
from melp.evaluation.judging import Judged, patients_of
from melp.evaluation.leakage import shared_with_training
from melp.evaluation.metrics import MACRO, Auroc, auroc, bootstrap_auroc, interval, row_means
from melp.evaluation.paper_split import PAPER, SEED, PaperSplit, divide_as_published, embed_together
from melp.evaluation.results import Cell, config_hash
from melp.evaluation.zero_shot import Prompts, embed_prompts, similarities, text_embeddings
from melp.hub import Model
from melp.tasks import Task

__all__ = ["judge_as_published", "paper_cell", "paper_zero_shot"]


def judge_as_published(
    scores: pd.DataFrame,
    labels: pd.DataFrame,
    patients: pd.Series,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Auroc:
    """Areas with 95 % intervals, where a class without a positive or a negative counts 0 and is not left out.

    Args:
        scores, labels: the same rows and columns.
        patients: of each record, by id; they are drawn for the intervals.
        resamples, seed: of the bootstrap. A class that has an area, but not in a resample, is left out there.
    """
    values, truth = scores.loc[labels.index, labels.columns].to_numpy(dtype=float), labels.to_numpy()
    found = auroc(values, truth)
    areas = np.nan_to_num(found)
    groups = pd.factorize(patients.loc[labels.index])[0]
    drawn = bootstrap_auroc(values, truth, groups, resamples=resamples, seed=seed)
    drawn[:, ~np.isfinite(found)] = 0
    names = [f"auroc/{name}" for name in labels.columns]
    columns = {MACRO: row_means(drawn), **dict(zip(names, drawn.T, strict=True))}
    return Auroc(
        values={MACRO: float(areas.mean()), **dict(zip(names, map(float, areas), strict=True))},
        intervals={name: interval(column) for name, column in columns.items()},
        positives={str(name): int(count) for name, count in labels.sum().items()},
        left_out=(),
        n=len(labels),
    )


def paper_cell(
    model: Model,
    store: Store,
    task: Task,
    part: PaperSplit,
    scores: pd.DataFrame,
    labels: pd.DataFrame,
    *,
    fraction: float = 0,
    options: Mapping[str, Any] | None = None,
) -> Judged:
    """The areas of `scores` over the records of `labels`, as published.

    `options` is what else the scores depend on; it goes into the hash with the model's configuration.
    """
    cell = Cell(
        method=model.name,
        checkpoint=str(model.folder),
        task=task.name,
        protocol=PAPER,
        fraction=fraction,
        seed=SEED if fraction else 0,
        folds=part.file,
        train_folds="train" if fraction else "",
    )
    return Judged(
        cell,
        judge_as_published(scores, labels, patients_of(store, labels.index)),
        scores,
        labels,
        config_hash(dict(model.config), dict(options or {})),
        shared_with_training(model, store, labels.index),
        tuple(_notes(task, part, labels, fraction)),
    )


def _notes(task: Task, part: PaperSplit, labels: pd.DataFrame, fraction: float) -> list[str]:
    """What the store lacks of the files that count, and the classes that this makes 0."""
    notes = [note for split, note in part.notes.items() if fraction or split == part.file]
    empty = labels.columns[~labels.any()]
    if len(empty):
        notes.append(
            f"{task.name}: no positive of {', '.join(empty)} among the records judged; these count 0"
        )
    return notes


def paper_zero_shot(
    model: Model,
    store: Store,
    tasks: Sequence[Task],
    folder: Path,
    *,
    file: str = "test",
    prompts: Mapping[str, Prompts] | None = None,
) -> list[Judged]:
    """Judges a model on tasks by one prompt a class, as published: cosines, named by the judged file.

    Args:
        model: a loaded model folder whose method knows text.
        store: where the records lie.
        tasks: classes and prompts; the first prompt of a class is taken.
        folder: holds the published label files.
        file: which is judged, "test" or "val".
        prompts: wordings of each task, by its name and class, instead of its own.

    Raises:
        MelpError: the method knows no text, the files cannot be read, or nothing is left to judge.
    """
    parts = [divide_as_published(task, store, folder, file) for task in tasks]
    embedded = embed_together(
        tasks,
        [part.judged.index for part in parts],
        lambda ids, keep: text_embeddings(model, store, ids, keep),
    )
    judged = []
    for task, part, ecg in zip(tasks, parts, embedded, strict=True):
        known = (prompts or {}).get(task.name, task.prompts)
        wordings = {name: [known[name][0]] for name in task.classes}
        found = similarities(ecg.to_numpy(), embed_prompts(model, wordings))
        scores = pd.DataFrame(found, index=part.judged.index)
        options = {"prompts": wordings}
        judged.append(paper_cell(model, store, task, part, scores, part.judged, options=options))
    return judged
