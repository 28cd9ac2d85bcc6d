"""Evaluated records that a model was trained on."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from melp.data.store import Store
from melp.evaluation.embed import rows_of
from melp.hub import Model
from melp.hub.records import identify_records, read_training_records

__all__ = ["UNKNOWN", "Shared", "count_shared", "shared_with_training"]


@dataclass(frozen=True)
class Shared:
    """How many of the evaluated records, and of their patients, a model was trained on; None if unknown.

    `named` lists the ids of the first few of these records.
    """

    records: int | None = None
    patients: int | None = None
    named: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.records or self.patients)


UNKNOWN = Shared()
_NAMED = 5


def shared_with_training(model: Model, store: Store, ids: pd.Index) -> Shared:
    """Count the records `ids` of a store that `model` was trained on."""
    training = read_training_records(model.folder)
    test = identify_records(store, rows_of(store, ids))
    return UNKNOWN if training is None else count_shared(training, test)


def count_shared(training: pd.DataFrame, test: pd.DataFrame) -> Shared:
    """Count the test records and patients that are also training records and patients.

    A record is shared if a training record has the same id in the same corpus, or the same signal in any
    corpus (collections contain each other: PTB-XL, CPSC and Chapman-Shaoxing are parts of the challenges'
    training data). A patient is shared if one of their recordings is a training record.

    Args:
        training, test: the columns corpus, id, patient and digest (of the int16 signal in the store; equal
            for equal recordings only in stores of the same rate and length).
    """
    record = _is_in(test["digest"], training["digest"])
    patient = record.copy()
    for corpus, part in training.groupby("corpus"):
        same_corpus = test["corpus"] == corpus
        record |= same_corpus & _is_in(test["id"], part["id"])
        patient |= same_corpus & _is_in(test["patient"], part["patient"])
    patients = test.loc[patient | record, ["corpus", "patient"]].drop_duplicates()
    return Shared(int(record.sum()), len(patients), tuple(test.loc[record, "id"].head(_NAMED)))


def _is_in(test: pd.Series, training: pd.Series) -> pd.Series:
    """Return which test values are training values."""
    # A lookup table of the few common values: one of 800,000 texts takes a hundred times as long to build.
    return test.isin(training[training.isin(test)].unique())
