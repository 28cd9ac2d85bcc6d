"""Verification: do two vectors belong to one patient? AUROC and equal error rate over pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from melp.evaluation.bootstrap import patient_weights, percentile
from melp.evaluation.rates import RESAMPLES

__all__ = ["METRICS", "Pairs", "verification"]

METRICS = ("auroc", "equal_error_rate")


@dataclass(frozen=True)
class Pairs:
    """Pairs of a probe and a record of the gallery, sorted by similarity, most similar first.

    Attributes:
        probe, gallery: number of the patient of each side of each pair.
        same: whether both sides are of one patient.
        ends: last position of each run of pairs of equal similarity.
    """

    probe: Int[np.ndarray, " pair"]
    gallery: Int[np.ndarray, " pair"]
    same: Bool[np.ndarray, " pair"]
    ends: Int[np.ndarray, " run"]

    def scores(self, times: Float[np.ndarray, " patient"]) -> tuple[float, float]:
        """Return the AUROC and the equal error rate if each patient occurs a number of times.

        The equal error rate is where the curve of the ROC, with straight lines between its points, has as
        many false acceptances as false rejections, in shares of their pairs. Both are NaN without a pair of
        one patient or without one of two.
        """
        weights = np.where(self.same, times[self.probe], times[self.probe] * times[self.gallery])
        true, false = (
            np.concatenate([[0.0], np.cumsum(weights * side)[self.ends]]) for side in (self.same, ~self.same)
        )
        if not true[-1] or not false[-1]:
            return np.nan, np.nan
        true, false = true / true[-1], false / false[-1]
        crossing = np.interp(0.0, true + false - 1, false)
        return float(np.trapezoid(true, false)), float(crossing)


def verification(
    similarity: Float[np.ndarray, "probe gallery"],
    probe: Shaped[np.ndarray, " probe"],
    gallery: Shaped[np.ndarray, " gallery"],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, tuple[float, float, float]]:
    """Return `auroc` and `equal_error_rate` of same against different patients, each with its 95 % interval.

    The interval is a percentile bootstrap over patients, with whom all of their pairs are drawn.

    Args:
        similarity: of each probe and each record of the gallery.
        probe, gallery: their patients.
        resamples: number of samples.
        seed: seed of the samples.
    """
    names, numbers = np.unique(np.concatenate([probe, gallery]), return_inverse=True)
    first, second = np.meshgrid(numbers[: len(probe)], numbers[len(probe) :], indexing="ij")
    values = similarity.ravel()
    order = np.argsort(-values, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(values[order]) != 0, True))
    probes, galleries = first.ravel()[order], second.ravel()[order]
    pairs = Pairs(probes, galleries, probes == galleries, ends)
    samples = [
        pairs.scores(times)
        for chunk in patient_weights(np.arange(len(names)), resamples, seed)
        for times in chunk.T
    ]
    limits = percentile(np.array(samples).T)
    return {
        name: (value, float(low), float(high))
        for name, value, (low, high) in zip(METRICS, pairs.scores(np.ones(len(names))), limits, strict=True)
    }
