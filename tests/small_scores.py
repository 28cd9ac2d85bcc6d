"""Scores and labels: with known areas under the ROC curve, for given labels and patients, and with ties."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import norm

AREAS = (0.6, 0.75, 0.85, 0.95)
"""True areas that the classes take in turn."""
SPREADS = (2 / 3, 1.0, 1.5)
"""Standard deviations of positives; that of negatives is 1."""
_PERSON, _COMMON = 0.5, 0.2  # shares of the variance: of the patient, and common to all classes


def draw_noise(
    generator: np.random.Generator, patients: np.ndarray, classes: int, share: float = _PERSON
) -> np.ndarray:
    """Standard normal noise [record, class]: recordings of a patient, and classes of a record, are alike."""

    def level(number: int) -> np.ndarray:
        own, common = generator.normal(size=(number, classes)), generator.normal(size=(number, 1))
        return np.sqrt(1 - _COMMON) * own + np.sqrt(_COMMON) * common

    people = level(int(patients.max()) + 1)[patients]
    return np.sqrt(share) * people + np.sqrt(1 - share) * level(len(patients))


def binormal(noise: np.ndarray, labels: np.ndarray, areas: np.ndarray, spread: float = 1.0) -> np.ndarray:
    """Scores of the true areas `areas`: noise, moved and spread where a class is present.

    The binormal model: Dorfman and Alf, Journal of Mathematical Psychology 1969.
    """
    return np.where(labels, norm.ppf(areas) * np.sqrt(1 + spread**2) + spread * noise, noise)


def tied(seed: int, records: int = 60, classes: int = 4, levels: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """Scores with ties, labels with both values in every class."""
    generator = np.random.default_rng(seed)
    scores = generator.integers(0, levels, (records, classes)).astype(float)
    labels = generator.random((records, classes)) < 0.3
    labels[0], labels[1] = True, False
    return scores, labels


def frame(values: np.ndarray, names: str = "ABCD") -> pd.DataFrame:
    """Values of the records r0, r1, ... with a name for each class."""
    return pd.DataFrame(
        values, columns=list(names[: values.shape[1]]), index=[f"r{i}" for i in range(len(values))]
    )
