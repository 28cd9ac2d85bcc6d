"""Checks before a training: settings and records with which a method cannot learn are refused."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from melp.data.batches import StoreBatches
from melp.errors import MelpError
from melp.methods import get_method
from melp.training.config import TrainingConfig
from melp.training.processes import is_first
from melp.training.recipe import Recipe


def check_records(count: int, training: TrainingConfig, name: str = "training") -> None:
    """Check that there are enough records, or texts, for one step.

    Args:
        count: number of records.
        training: size of a batch and number of processes.
        name: name of `training` in the recipe.

    Raises:
        MelpError: a batch has more records.
    """
    size = training.batch_size * training.ranks
    if count < size:
        together = f" in {training.ranks} processes" if training.ranks > 1 else ""
        raise MelpError(f"{name}.batch_size: {size} found{together}, wanted at most the {count} records")


def check_trainable(name: str, recipe: Recipe, records: StoreBatches) -> None:
    """Check that a method can learn from batches of these records, and say how many have a partner.

    Args:
        name: name of the method.
        recipe: its options and the size of a batch.
        records: the training records.

    Raises:
        MelpError: a batch has too few records, or more than there are; or no patient has two recordings.
    """
    kind, training = get_method(name), recipe.training
    check_records(len(records), training)
    least, size = kind.least_records(recipe.method, training.ranks), training.batch_size * training.ranks
    if size < least:
        raise MelpError(
            f"training.batch_size: {training.batch_size} found, wanted at least "
            f"{-(-least // training.ranks)}: {name} compares the records of a batch"
        )
    if kind.pairs_patients(recipe.method):
        _check_partners(name, records)


def _check_partners(name: str, records: StoreBatches) -> None:
    patients: Any = records.patients[records.rows]
    _, patient, recordings = np.unique(patients, return_inverse=True, return_counts=True)
    partners, count = int((recordings[patient] > 1).sum()), len(patients)
    found = f"{partners} of {count} training records ({partners / count:.0%})"
    if not partners:
        raise MelpError(
            f"{records.store.path}: {found} have another one of the same patient, wanted some; "
            f"{name} pairs the recordings of a patient"
        )
    if is_first():
        print(f"{name}: {found} have another one of the same patient", file=sys.stderr)
