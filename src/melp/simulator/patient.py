"""Patients: who they are, how their hearts lie, and which fold they belong to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from melp.simulator.dipole import DOWER, rotation

BLOCK = 10  # so many records in a row share so many patients, one of each fold


@dataclass(frozen=True)
class Patient:
    """`age` in years, `sex` 0 male and 1 female, `fold` 1 to 10, `matrix` from dipole to leads."""

    number: int
    age: int
    sex: int
    fold: int
    matrix: Float[np.ndarray, "8 3"]
    voltage: float


def patient_of(index: int, seed: int) -> Patient:
    """The patient of record `index`: one in six records is a further one of a patient.

    Depends on nothing but `index` and `seed`. Records of a patient lie in one block of ten.
    """
    block, slot = divmod(index, BLOCK)
    draws = np.random.default_rng([seed, 1, block])
    folds = draws.permutation(BLOCK) + 1
    again = draws.random(BLOCK) < 0.18
    earlier = (draws.random(BLOCK) * np.arange(BLOCK)).astype(int)
    if again[slot]:
        slot = int(earlier[slot])
    return _make(block * BLOCK + slot, int(folds[slot]), np.random.default_rng([seed, 2, block, slot]))


def _make(number: int, fold: int, rng: np.random.Generator) -> Patient:
    age = int(np.clip(rng.normal(60, 17), 18, 94))
    sex = int(rng.integers(2))
    # With age the heart lies flatter.
    frontal = np.clip(rng.normal(0, 10) - 0.25 * (age - 55), -22, 22)
    turn = rotation(float(frontal), float(np.clip(rng.normal(0, 7), -14, 14)), float(rng.normal(0, 4)))
    # Electrodes sit a little differently on each chest.
    torso = DOWER * rng.lognormal(0, 0.06, DOWER.shape) * rng.lognormal(0, 0.08, (8, 1))
    voltage = float(rng.lognormal(-0.06 * sex, 0.1))
    return Patient(number, age, sex, fold, torso @ turn, voltage)
