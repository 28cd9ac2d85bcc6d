"""What zero-shot and probe share: which records are judged, the areas of their scores, and writing them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.embed import rows_of
from melp.evaluation.leakage import UNKNOWN, Shared, shared_with_training
from melp.evaluation.metrics import Auroc, judge
from melp.evaluation.results import Cell, Result, config_hash, write_predictions, write_results
from melp.hub import Model
from melp.tasks import Task

__all__ = [
    "Judged",
    "Split",
    "check_corpus",
    "check_sides",
    "divide",
    "in_folds",
    "join",
    "judge_cell",
    "labels_of",
    "patients_of",
    "save",
    "union",
]

CORRECTED = "corrected"


@dataclass(frozen=True)
class Split:
    """The records of a store that a task covers, and who is judged.

    Attributes:
        labels: all covered records, by id (see `Task.labels`).
        judged: ids of the records that are judged.
        training: labels of the records that a probe may learn from, by id; of another store where the task's
            corpus has test records only.
        folds: the folds judged.
        train_folds: the folds learned from.
    """

    labels: pd.DataFrame
    judged: pd.Index
    training: pd.DataFrame
    folds: tuple[int, ...]
    train_folds: tuple[int, ...]

    @property
    def trained(self) -> pd.Index:
        """Ids of the records that a probe may learn from."""
        return self.training.index


@dataclass(frozen=True)
class Judged:
    """A cell with its areas and the scores behind them.

    `shared` is what the judged records share with those that the model was trained on, `notes` are lines for
    the person who judges.
    """

    cell: Cell
    auroc: Auroc
    scores: pd.DataFrame
    labels: pd.DataFrame
    config_hash: str
    shared: Shared = UNKNOWN
    notes: tuple[str, ...] = ()

    def results(self) -> list[Result]:
        """One result a metric: the macro mean, then each class."""
        return [self._result(metric, value) for metric, value in self.auroc.values.items()]

    def _result(self, metric: str, value: float) -> Result:
        low, high = self.auroc.intervals.get(metric, (None, None))
        left_out = self.auroc.left_out if metric == "auroc_macro" else ()
        return Result(
            self.cell,
            metric,
            value,
            self.auroc.n,
            low,
            high,
            left_out,
            self.config_hash,
            self.shared.records,
            self.shared.patients,
        )


def check_corpus(task: Task, store: Store, corpus: str) -> None:
    """Ends with one line where a store lacks the corpus that a task wants.

    Raises:
        MelpError: it does.
    """
    corpora = np.unique(store.column("corpus")).tolist()
    if corpus not in corpora:
        raise MelpError(f"{store.path}: holds {', '.join(corpora)}, task {task.name} wants {corpus}")


def divide(
    task: Task,
    store: Store,
    folds: Sequence[int] | None = None,
    train_folds: Sequence[int] | None = None,
    train_store: Store | None = None,
) -> Split:
    """Divides the records that a task covers.

    Args:
        task: gives the labels and, where nothing else is asked, the folds.
        store: where the records lie.
        folds: folds to judge instead of the task's test folds; then a probe trains on all others.
        train_folds: folds to train on instead.
        train_store: where the records to learn from lie, for a task whose corpus has test records only.

    Raises:
        MelpError: a store holds another corpus, a fold is on both sides, or nothing is left to judge.
    """
    labels = labels_of(task, store, task.corpus)
    judged_folds = tuple(folds or task.test_folds)
    learned, training = _learned(task, labels, store, train_store, folds, train_folds)
    both = sorted(set(judged_folds) & set(learned)) if train_store is None else []
    if both:
        raise MelpError(f"folds: {join(both)} both judged and trained on")
    judged = in_folds(labels, store, judged_folds).index
    if not len(judged):
        raise MelpError(f"{store.path}: no record with a label of {task.name} in folds {join(judged_folds)}")
    return Split(labels, judged, training, judged_folds, learned)


def _learned(
    task: Task,
    labels: pd.DataFrame,
    store: Store,
    train_store: Store | None,
    folds: Sequence[int] | None,
    train_folds: Sequence[int] | None,
) -> tuple[tuple[int, ...], pd.DataFrame]:
    """The folds to learn from, and the labels of their records."""
    apart = task.train_corpus != task.corpus
    if train_store is not None and not apart:
        raise MelpError(f"{train_store.path}: task {task.name} trains on the store that it is judged on")
    if apart and train_store is None:
        return (), labels[:0]
    if train_store is not None:
        labels, store = labels_of(task, train_store, task.train_corpus), train_store
    if train_folds is None:
        others = sorted(set(store.column("fold").tolist()) - set(folds or ()))
        train_folds = task.train_folds if folds is None or apart else others
    return tuple(train_folds), in_folds(labels, store, train_folds)


def labels_of(task: Task, store: Store, corpus: str) -> pd.DataFrame:
    """Labels of all records of a store that a task covers, by id (see `Task.labels`).

    Raises:
        MelpError: the store does not hold `corpus`.
    """
    check_corpus(task, store, corpus)
    codes = list(store.lists("labels"))
    return task.labels(pd.DataFrame({"id": store.column("id"), "labels": codes}))


def in_folds(labels: pd.DataFrame, store: Store, folds: Sequence[int]) -> pd.DataFrame:
    """The rows of `labels` whose records lie in some folds of a store."""
    """Those of `labels` whose record, of the store, is in these folds."""
    fold = pd.Series(store.column("fold"), index=store.column("id")).loc[labels.index]
    return labels[fold.isin(folds)]


def patients_of(store: Store, ids: pd.Index) -> pd.Series:
    """The patient of each record, by id."""
    return pd.Series(store.column("patient")[rows_of(store, ids)], index=ids)


def check_sides(store: Store, trained: pd.Index, judged: pd.Index) -> None:
    """Ends with one line where a patient of a store has records on both sides.

    Raises:
        MelpError: one has.
    """
    shared = set(patients_of(store, trained)) & set(patients_of(store, judged))
    if shared:
        raise MelpError(f"folds: {len(shared)} patients have records both judged and trained on")


def join(folds: Iterable[int]) -> str:
    """Folds as results name them: "9,10"."""
    return ",".join(str(fold) for fold in folds)


def union(parts: Sequence[pd.Index]) -> pd.Index:
    """The ids of all parts, each once, in the order of their first coming."""
    return parts[0].append(list(parts[1:])).unique()


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
    area = judge(scores, labels, patients_of(store, part.judged), min_positives=min_positives)
    cell = Cell(
        method=model.name,
        checkpoint=str(model.folder),
        task=task.name,
        protocol=CORRECTED,
        fraction=fraction,
        seed=seed,
        folds=join(part.folds),
        train_folds=join(part.train_folds) if fraction else "",
    )
    digest = config_hash(dict(model.config), {"min_positives": min_positives}, options or {})
    return Judged(cell, area, scores, labels, digest, shared_with_training(model, store, part.judged))


def save(judged: Sequence[Judged], folder: Path) -> None:
    """Writes cells to `results.jsonl`, their scores to `predictions.parquet`; the same cells are replaced."""
    write_predictions(((each.cell, each.scores, each.labels) for each in judged), folder)
    write_results((result for each in judged for result in each.results()), folder)
