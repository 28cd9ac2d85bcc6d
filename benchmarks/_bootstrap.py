"""Bootstrap intervals of areas under ROC curves over patients, to compare with."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.stats import norm

_CHUNK = 100  # resamples held in memory at once


def _weighted_auroc(
    score: Float[np.ndarray, " record"],
    label: Bool[np.ndarray, " record"],
    weights: Int[np.ndarray, "resample record"],
) -> Float[np.ndarray, " resample"]:
    """Return the area of one class in each resample, with records counted `weights` times; sorts once."""
    order = np.argsort(score, kind="stable")
    ordered = score[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])  # first record of each group of ties
    weights = weights[:, order]
    positive = np.add.reduceat(weights * label[order], starts, axis=1).astype(float)
    negative = np.add.reduceat(weights, starts, axis=1) - positive
    below = np.cumsum(negative, axis=1) - negative / 2
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((positive * below).sum(axis=1) / pairs, dtype=float)


def _resample_counts(
    groups: Int[np.ndarray, " record"], resamples: int, seed: int
) -> Iterator[Int[np.ndarray, "chunk record"]]:
    """Yield how often each record is drawn if whole groups (patients) are drawn with replacement."""
    generator = np.random.default_rng(seed)
    number = int(groups.max()) + 1
    for start in range(0, resamples, _CHUNK):
        size = min(_CHUNK, resamples - start)
        drawn = generator.integers(number, size=(size, number))
        yield np.array([np.bincount(row, minlength=number) for row in drawn])[:, groups]


def bootstrap_auroc(
    scores: Float[np.ndarray, "record class"],
    labels: Bool[np.ndarray, "record class"],
    groups: Int[np.ndarray, " record"],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Float[np.ndarray, "resample class"]:
    """Return the area of each class in each bootstrap resample.

    Args:
        scores: higher means more likely; any monotone scale.
        labels: the classes of each record.
        groups: number of the patient of each record, from 0 without gaps. Patients are resampled, not
            records, because recordings of one person are similar.
        resamples: number of resamples.
        seed: the same seed draws the same patients, so two models can be compared resample by resample.

    Returns:
        NaN if a resample has no positive or no negative of a class.
    """
    columns = range(scores.shape[1])
    chunks = [
        np.stack([_weighted_auroc(scores[:, c], labels[:, c], weights) for c in columns], axis=1)
        for weights in _resample_counts(groups, resamples, seed)
    ]
    return np.concatenate(chunks)


def percentile(drawn: Float[np.ndarray, "resample class"]) -> Float[np.ndarray, "class 2"]:
    """Return the middle 95 % of the resamples that have a value."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nanquantile(drawn, (0.025, 0.975), axis=0).T)


def bca(
    drawn: Float[np.ndarray, "resample class"],
    values: Float[np.ndarray, " class"],
    influence: Float[np.ndarray, "patient class"],
) -> Float[np.ndarray, "class 2"]:
    """Return the bias-corrected and accelerated interval (Efron, J. American Statistical Association 1987).

    Args:
        drawn: the values in the resamples; NaN where there is none.
        values: the values in the sample.
        influence: of each patient on the values; their skewness is the acceleration.
    """
    limits = np.full((len(values), 2), np.nan)
    for c, value in enumerate(values):
        own = drawn[np.isfinite(drawn[:, c]), c]
        below = np.clip((np.mean(own < value) + np.mean(own <= value)) / 2, 1e-3, 1 - 1e-3)
        bias, moved = norm.ppf(below), influence[:, c]
        scale = np.square(moved).sum() ** 1.5
        acceleration = np.power(moved, 3).sum() / (6 * scale) if scale else 0.0
        shifted = bias + norm.ppf((0.025, 0.975))
        shares = norm.cdf(bias + shifted / np.maximum(1 - acceleration * shifted, 1e-3))
        limits[c] = np.quantile(own, shares)
    return limits
