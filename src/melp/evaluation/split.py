"""Which records of a store a task evaluates, and which it trains on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Int

from melp.data.duplicates import without_duplicates
from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.embed import rows_of
from melp.tasks import Task

__all__ = [
    "Split",
    "check_corpus",
    "check_patients",
    "in_folds",
    "join_folds",
    "labels_of",
    "patients_of",
    "split_records",
    "union",
]


@dataclass(frozen=True)
class Split:
    """The records of a store that a task covers, divided by folds.

    Attributes:
        labels: labels of all covered records, by id (see `Task.labels`).
        test: ids of the records to evaluate.
        training: labels of the records to train on, by id; from another store if the task's corpus has test
            records only.
        folds: the folds to evaluate.
        train_folds: the folds to train on.
        duplicates: number of records left out of `training` (see `melp.data.duplicates`); None if they are
            not to be left out.
    """

    labels: pd.DataFrame
    test: pd.Index
    training: pd.DataFrame
    folds: tuple[int, ...]
    train_folds: tuple[int, ...]
    duplicates: int | None = None


def check_corpus(task: Task, store: Store, corpus: str) -> None:
    """Check that a store contains the corpus of a task, and that its ids are unique.

    Raises:
        MelpError: it does not, or an id is repeated.
    """
    store.require_unique_ids()
    corpora = np.unique(store.column("corpus")).tolist()
    if corpus not in corpora:
        raise MelpError(f"{store.path}: found {', '.join(corpora)}, wanted {corpus} for task {task.name}")


def split_records(
    task: Task,
    store: Store,
    folds: Sequence[int] | None = None,
    train_folds: Sequence[int] | None = None,
    train_store: Store | None = None,
    exclude_duplicates: bool = True,
) -> Split:
    """Divide the records that a task covers into those to evaluate and those to train on.

    Args:
        task: the labels and the default folds.
        store: the records.
        folds: folds to evaluate instead of the task's test folds; then all others are trained on.
        train_folds: folds to train on instead.
        train_store: the records to train on, for a task whose corpus has test records only.
        exclude_duplicates: leave out training records whose samples equal those of a record in another fold,
            of an evaluated record or of an earlier one.

    Raises:
        MelpError: a store contains another corpus, a fold is on both sides, or nothing is left to evaluate.
    """
    labels = labels_of(task, store, task.corpus)
    test_folds = tuple(folds or task.test_folds)
    learned, training = _training(task, labels, store, train_store, folds, train_folds)
    both = sorted(set(test_folds) & set(learned)) if train_store is None else []
    if both:
        raise MelpError(f"folds: {join_folds(both)} both evaluated and trained on")
    test = in_folds(labels, store, test_folds).index
    if not len(test):
        raise MelpError(
            f"{store.path}: no record with a label of {task.name} in folds {join_folds(test_folds)}"
        )
    duplicates = None
    if exclude_duplicates:
        others = store.column("digest")[rows_of(store, test)]
        kept = _without_duplicates(training, train_store or store, learned, others)
        training, duplicates = kept, len(training) - len(kept)
    return Split(labels, test, training, test_folds, learned, duplicates)


def _without_duplicates(
    training: pd.DataFrame, store: Store, folds: Sequence[int], others: Int[np.ndarray, " record"]
) -> pd.DataFrame:
    rows = rows_of(store, training.index)
    held_out = np.flatnonzero(~np.isin(store.column("fold"), folds))
    return training[np.isin(rows, without_duplicates(store, rows, held_out, others))]


def _training(
    task: Task,
    labels: pd.DataFrame,
    store: Store,
    train_store: Store | None,
    folds: Sequence[int] | None,
    train_folds: Sequence[int] | None,
) -> tuple[tuple[int, ...], pd.DataFrame]:
    """Return the folds to train on and the labels of their records."""
    test_only = task.train_corpus != task.corpus
    if train_store is not None and not test_only:
        raise MelpError(f"{train_store.path}: task {task.name} trains on the store that it evaluates")
    if test_only and train_store is None:
        return (), labels[:0]
    if train_store is not None:
        labels, store = labels_of(task, train_store, task.train_corpus), train_store
    if train_folds is None:
        others = sorted(set(store.column("fold").tolist()) - set(folds or ()))
        train_folds = task.train_folds if folds is None or test_only else others
    return tuple(train_folds), in_folds(labels, store, train_folds)


def labels_of(task: Task, store: Store, corpus: str) -> pd.DataFrame:
    """Return the labels of the records of a corpus that a task covers, by id (see `Task.labels`).

    Records of other corpora, in a store that `melp data join` made, are left out.

    Raises:
        MelpError: the store does not contain `corpus`.
    """
    check_corpus(task, store, corpus)
    records = pd.DataFrame({"id": store.column("id"), "labels": list(store.lists("labels"))})
    return task.labels(records[store.column("corpus") == corpus])


def in_folds(labels: pd.DataFrame, store: Store, folds: Sequence[int]) -> pd.DataFrame:
    """Return the rows of `labels` whose records are in some folds of a store."""
    fold = pd.Series(store.column("fold"), index=store.column("id")).loc[labels.index]
    return labels[fold.isin(folds)]


def patients_of(store: Store, ids: pd.Index) -> pd.Series:
    """Return the patient of each record, by id."""
    return pd.Series(store.column("patient")[rows_of(store, ids)], index=ids)


def check_patients(store: Store, training: pd.Index, test: pd.Index) -> None:
    """Check that no patient of a store has records on both sides.

    Raises:
        MelpError: a patient has.
    """
    shared = set(patients_of(store, training)) & set(patients_of(store, test))
    if shared:
        raise MelpError(f"folds: {len(shared)} patients have records both evaluated and trained on")


def join_folds(folds: Iterable[int]) -> str:
    """Return folds as results name them: "9,10"."""
    return ",".join(str(fold) for fold in folds)


def union(parts: Sequence[pd.Index]) -> pd.Index:
    """Return the ids of all parts without duplicates, in order of first appearance."""
    return parts[0].append(list(parts[1:])).unique()
