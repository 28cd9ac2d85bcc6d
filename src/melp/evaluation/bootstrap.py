"""The bootstrap over patients: how often each record is drawn, and percentile intervals.

Whole patients are drawn with replacement, because recordings of a patient are alike. A record counts as often
as its patient is drawn, so a metric of a resample is the metric of the same records with weights.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int

__all__ = ["patient_weights", "percentile"]

_CHUNK = 100  # resamples in memory at once


def patient_weights(
    patients: Int[np.ndarray, " record"], resamples: int, seed: int = 0
) -> Iterator[Float[np.ndarray, "record chunk"]]:
    """Yield how often each record is drawn, for some resamples at a time.

    Args:
        patients: number of the patient of each record, from 0 without gaps.
        resamples: number of resamples.
        seed: the same seed draws the same patients, so two models can be compared resample by resample.
    """
    generator = np.random.default_rng(seed)
    number = int(patients.max()) + 1
    for start in range(0, resamples, _CHUNK):
        drawn = generator.integers(number, size=(min(_CHUNK, resamples - start), number))
        counts = np.array([np.bincount(row, minlength=number) for row in drawn], dtype=float)
        yield np.ascontiguousarray(counts.T)[patients]


def percentile(drawn: Float[np.ndarray, "*value resample"]) -> Float[np.ndarray, "*value 2"]:
    """Return the middle 95 % of the resamples that have a value.

    NaN if no resample has a value, or if all values are the same: such a sample says nothing about others.
    """
    limits = np.full((*drawn.shape[:-1], 2), np.nan)
    some = np.isfinite(drawn).any(axis=-1)
    if some.any():
        limits[some] = np.nanquantile(drawn[some], (0.025, 0.975), axis=-1).T
    limits[limits[..., 0] == limits[..., 1]] = np.nan
    return limits
