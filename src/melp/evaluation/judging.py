"""What zero-shot and probe share: which records are judged, the areas of their scores, and writing them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int

from melp.data.store import Store
from melp.data.tasks import Task
from melp.errors import MelpError
from melp.evaluation.metrics import Auroc, judge
from melp.evaluation.results import Cell, Result, config_hash, write_predictions, write_results
from melp.hub import Model

__all__ = ["Judged", "Split", "divide", "judge_cell", "save"]

CORRECTED = "corrected"


@dataclass(frozen=True)
class Split:
    """The records of a store that a task covers, and who is judged.

    Attributes:
        labels: all covered records, by id (see `Task.labels`).
        judged: ids of the records that are judged.
        trained: ids of the records that a probe may learn from.
        folds: the folds judged.
        train_folds: the folds learned from.
    """

    labels: pd.DataFrame
    judged: pd.Index
    trained: pd.Index
    folds: tuple[int, ...]
    train_folds: tuple[int, ...]


@dataclass(frozen=True)
class Judged:
    """A cell with its areas and the scores behind them."""

    cell: Cell
    auroc: Auroc
    scores: pd.DataFrame
    labels: pd.DataFrame
    config_hash: str

    def results(self) -> list[Result]:
        """One result a metric: the macro mean, then each class."""
        return [self._result(metric, value) for metric, value in self.auroc.values.items()]

    def _result(self, metric: str, value: float) -> Result:
        low, high = self.auroc.intervals.get(metric, (None, None))
        left_out = self.auroc.left_out if metric == "auroc_macro" else ()
        return Result(self.cell, metric, value, self.auroc.n, low, high, left_out, self.config_hash)


def divide(
    task: Task,
    store: Store,
    folds: Sequence[int] | None = None,
    train_folds: Sequence[int] | None = None,
) -> Split:
    """Divides the records that a task covers.

    Args:
        task: gives the labels and, where nothing else is asked, the published folds.
        store: where the records lie.
        folds: folds to judge instead of the task's test folds; then a probe trains on all others.
        train_folds: folds to train on instead.

    Raises:
        MelpError: the store holds another corpus, a fold is on both sides, or nothing is left to judge.
    """
    index = store.index
    corpora = sorted(set(index["corpus"]))
    if task.corpus not in corpora:
        raise MelpError(f"{store.path}: holds {', '.join(corpora)}, task {task.name} wants {task.corpus}")
    labels = task.labels(index)
    if train_folds is None:
        train_folds = task.train_folds if folds is None else sorted(set(index["fold"].tolist()) - set(folds))
    judged_folds = tuple(folds or task.test_folds)
    both = sorted(set(judged_folds) & set(train_folds))
    if both:
        raise MelpError(f"folds: {_join(both)} both judged and trained on")
    fold = index.set_index("id")["fold"].loc[labels.index]
    judged = labels.index[fold.isin(judged_folds)]
    if not len(judged):
        raise MelpError(f"{store.path}: no record with a label of {task.name} in folds {_join(judged_folds)}")
    trained = labels.index[fold.isin(train_folds)]
    return Split(labels, judged, trained, judged_folds, tuple(train_folds))


def _join(folds: Iterable[int]) -> str:
    return ",".join(str(fold) for fold in folds)


def rows_of(store: Store, ids: pd.Index) -> Int[np.ndarray, " record"]:
    """Row numbers of the records `ids` in the store's index, in that order."""
    return np.asarray(pd.Index(store.index["id"]).get_indexer(ids))


def judge_cell(
    model: Model,
    store: Store,
    task: Task,
    part: Split,
    scores: pd.DataFrame,
    *,
    fraction: float = 0,
    seed: int = 0,
    min_positives: int = 1,
    options: dict[str, Any] | None = None,
) -> Judged:
    """The areas of `scores` over the judged records of `part`, with intervals over patients.

    `options` is what else the scores depend on; it goes into the hash with the model's configuration.
    """
    labels = part.labels.loc[part.judged]
    patients = store.index.set_index("id")["patient"]
    area = judge(scores, labels, patients, min_positives=min_positives)
    cell = Cell(
        method=model.name,
        checkpoint=str(model.folder),
        task=task.name,
        protocol=CORRECTED,
        fraction=fraction,
        seed=seed,
        folds=_join(part.folds),
        train_folds=_join(part.train_folds) if fraction else "",
    )
    digest = config_hash(dict(model.config), {"min_positives": min_positives}, options or {})
    return Judged(cell, area, scores, labels, digest)


def save(judged: Sequence[Judged], folder: Path) -> None:
    """Writes cells to `results.jsonl`, their scores to `predictions.parquet`; the same cells are replaced."""
    write_predictions(((each.cell, each.scores, each.labels) for each in judged), folder)
    write_results((result for each in judged for result in each.results()), folder)
