"""Bootstrap intervals of areas under ROC curves over patients, to compare with."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.stats import norm

from melp.evaluation.bootstrap import patient_weights
from melp.evaluation.metrics import METRICS
from melp.evaluation.metrics.records import Records


def bootstrap_auroc(
    scores: Float[np.ndarray, "record class"],
    labels: Bool[np.ndarray, "record class"],
    groups: Int[np.ndarray, " record"],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Float[np.ndarray, "class resample"]:
    """Return the area of each class in each resample of patients; NaN without a positive or a negative.

    Args:
        scores: higher means more likely; any monotone scale.
        labels: the classes of each record.
        groups: number of the patient of each record, from 0 without gaps.
        resamples: number of resamples.
        seed: the same seed draws the same patients, so two models can be compared resample by resample.
    """
    records, area = Records(scores, labels), METRICS["auroc"].compute
    return np.hstack([area(records, weights) for weights in patient_weights(groups, resamples, seed)])


def bca(
    drawn: Float[np.ndarray, "class resample"],
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
        own = drawn[c][np.isfinite(drawn[c])]
        below = np.clip((np.mean(own < value) + np.mean(own <= value)) / 2, 1e-3, 1 - 1e-3)
        bias, moved = norm.ppf(below), influence[:, c]
        scale = np.square(moved).sum() ** 1.5
        acceleration = np.power(moved, 3).sum() / (6 * scale) if scale else 0.0
        shifted = bias + norm.ppf((0.025, 0.975))
        shares = norm.cdf(bias + shifted / np.maximum(1 - acceleration * shifted, 1e-3))
        limits[c] = np.quantile(own, shares)
    return limits
