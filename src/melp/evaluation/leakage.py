"""What a model has seen of the records that it is judged on."""

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
    """How many of the judged records, and of their patients, a model was trained on; None where unknown.

    `named` has the ids of the first few of these records.
    """

    records: int | None = None
    patients: int | None = None
    named: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.records or self.patients)


UNKNOWN = Shared()
_NAMED = 5


def shared_with_training(model: Model, store: Store, ids: pd.Index) -> Shared:
    """What the records `ids` of a store share with those that `model` was trained on."""
    trained = read_training_records(model.folder)
    return UNKNOWN if trained is None else count_shared(trained, identify_records(store, rows_of(store, ids)))


def count_shared(trained: pd.DataFrame, judged: pd.DataFrame) -> Shared:
    """What judged records share with those trained on.

    A record is shared where it has the id of one trained on, in the same corpus, or the same signal, in any
    corpus (collections contain each other: PTB-XL, CPSC and Chapman-Shaoxing are parts of the challenges'
    training data). A patient is shared where one of their recordings was trained on.

    Args:
        trained, judged: the columns corpus, id, patient and digest (of the int16 signal in the store; equal
            for equal recordings in stores of the same rate and length only).
    """
    record = _among(judged["digest"], trained["digest"])
    patient = record.copy()
    for corpus, part in trained.groupby("corpus"):
        here = judged["corpus"] == corpus
        record |= here & _among(judged["id"], part["id"])
        patient |= here & _among(judged["patient"], part["patient"])
    patients = judged.loc[patient | record, ["corpus", "patient"]].drop_duplicates()
    return Shared(int(record.sum()), len(patients), tuple(judged.loc[record, "id"].head(_NAMED)))


def _among(judged: pd.Series, trained: pd.Series) -> pd.Series:
    """Which of the judged values are among those trained on."""
    # The few first: a table of 800,000 texts to look up takes a hundred times as long to make.
    return judged.isin(trained[trained.isin(judged)].unique())
