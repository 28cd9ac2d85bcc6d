"""Patients: age, sex, fold, and the position of the heart in the chest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from melp.simulator.dipole import DOWER, rotation

BLOCK = 10  # records per block: all records of a patient are in one block, whose patients have distinct folds


@dataclass(frozen=True)
class Patient:
    """A patient: `age` (years), `sex` (0 male, 1 female), `fold` (1 to 10), `matrix` from dipole to leads."""

    number: int
    age: int
    sex: int
    fold: int
    matrix: Float[np.ndarray, "8 3"]
    voltage: float


def patient_of(index: int, seed: int) -> Patient:
    """Return the patient of record `index`; one record in six is of a patient with an earlier record.

    The result depends on `index` and `seed` only. All records of a patient are in one block of ten.
    """
    block, slot = divmod(index, BLOCK)
    draws = np.random.default_rng([seed, 1, block])
    folds = draws.permutation(BLOCK) + 1
    repeated = draws.random(BLOCK) < 0.18
    earlier = (draws.random(BLOCK) * np.arange(BLOCK)).astype(int)
    if repeated[slot]:
        slot = int(earlier[slot])
    rng = np.random.default_rng([seed, 2, block, slot])
    return _draw_patient(block * BLOCK + slot, int(folds[slot]), rng)


def _draw_patient(number: int, fold: int, rng: np.random.Generator) -> Patient:
    age = int(np.clip(rng.normal(60, 17), 18, 94))
    sex = int(rng.integers(2))
    # With age the heart lies more horizontally.
    frontal = np.clip(rng.normal(0, 10) - 0.25 * (age - 55), -22, 22)
    turn = rotation(float(frontal), float(np.clip(rng.normal(0, 7), -14, 14)), float(rng.normal(0, 4)))
    # Electrode positions vary between patients.
    torso = DOWER * rng.lognormal(0, 0.06, DOWER.shape) * rng.lognormal(0, 0.08, (8, 1))
    voltage = float(rng.lognormal(-0.06 * sex, 0.1))
    return Patient(number, age, sex, fold, torso @ turn, voltage)
