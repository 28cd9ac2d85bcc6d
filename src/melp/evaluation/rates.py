"""Intervals over patients of rates, medians and F1.

A rate is the mean of values from 0 to 1, one for each record, such as whether a retrieval found the record.
Its interval is Wilson's with the effective number of records: the number of independent records with the same
standard error as these records of patients, of whom some have several (Dean and Pagano, Journal of Survey
Statistics and Methodology 2015), but at most the number of patients: near 0 and 1 the standard error is too
small. A bootstrap has no interval for a rate of 0 or 1 and covers too little near them. Medians and F1 have a
percentile bootstrap over patients.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int, Shaped
from scipy.stats import norm, t

from melp.evaluation.bootstrap import patient_weights, percentile

__all__ = ["RESAMPLES", "patient_bootstrap", "rate_interval"]

RESAMPLES = 1000
_LEVEL = 0.975


def rate_interval(
    values: Float[np.ndarray, " record"], patients: Shaped[np.ndarray, " record"]
) -> tuple[float, float]:
    """Return the 95 % interval of the mean of values from 0 to 1; (NaN, NaN) with fewer than two patients.

    Args:
        values: one for each record.
        patients: the patient of each record.
    """
    number = np.unique(patients, return_inverse=True)[1]
    count, people = len(values), int(number.max(initial=-1)) + 1
    if people < 2:
        return np.nan, np.nan
    rate = float(np.mean(values))
    moved = np.bincount(number, values - rate)
    variance = people / (people - 1) * np.square(moved).sum() / count**2
    effective = min(rate * (1 - rate) / variance, people) if variance > 0 else people
    effective *= (norm.ppf(_LEVEL) / t.ppf(_LEVEL, people - 1)) ** 2
    square = norm.ppf(_LEVEL) ** 2 / effective
    centre = (rate + square / 2) / (1 + square)
    reach = np.sqrt(square * rate * (1 - rate) + square**2 / 4) / (1 + square)
    return max(float(centre - reach), 0.0), min(float(centre + reach), 1.0)


def patient_bootstrap(
    statistic: Callable[[Int[np.ndarray, " record"]], float],
    patients: Shaped[np.ndarray, " record"],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the 95 % percentile interval of a statistic over samples of patients (see `bootstrap`).

    Args:
        statistic: of the records at some positions, of which some may be repeated.
        patients: the patient of each record.
        resamples: number of samples.
        seed: seed of the samples.
    """
    rows, number = np.arange(len(patients)), np.unique(patients, return_inverse=True)[1]
    values = [
        statistic(np.repeat(rows, times.astype(int)))
        for chunk in patient_weights(number, resamples, seed)
        for times in chunk.T
    ]
    low, high = percentile(np.array(values))
    return float(low), float(high)
