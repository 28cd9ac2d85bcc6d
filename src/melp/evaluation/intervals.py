"""95 % confidence intervals of areas under ROC curves, over patients.

The influence of each patient on an area gives its standard error (DeLong, DeLong and Clarke-Pearson,
Biometrics 1988; for several records per patient, Obuchowski, Biometrics 1997). With few positives this
error is too small, and 0 with one positive, so the error that Hanley and McNeil (Radiology 1982) derive
from the area alone is its lower bound (see also Newcombe, Statistics in Medicine 2006). A bootstrap over
patients has no such bound: with one positive its interval contains the true area in a few per cent of
samples instead of 95.

Every interval here contains the true value in at least 93 % of simulated samples, for each number of
positives of the published label matrices: `benchmarks/intervals.py` measures it
(benchmarks/results/intervals.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import expit, logit
from scipy.stats import norm, rankdata, t

__all__ = [
    "LEAST_PAIRED",
    "LEAST_PATIENTS",
    "Areas",
    "areas_of",
    "class_intervals",
    "macro_interval",
    "mean_difference",
]

LEAST_PATIENTS = 1
"""An area has an interval from this number of patients with, and without, the class.

The coverage for each number is in benchmarks/results/intervals.md."""
LEAST_PAIRED = 5
"""The same for each class of a difference between two models, whose error has no lower bound."""
_LEVEL = 0.975


@dataclass(frozen=True)
class Areas:
    """Areas under the ROC curve with the influence of each patient on them.

    Attributes:
        values: the areas; NaN for a class without a positive or a negative.
        influence: how far each patient moves each area from its expectation; sums to 0 over patients.
        positives, negatives: patients with a record that has the class, and with one that does not.
    """

    values: Float[np.ndarray, " class"]
    influence: Float[np.ndarray, "patient class"]
    positives: Int[np.ndarray, " class"]
    negatives: Int[np.ndarray, " class"]

    @property
    def fewest(self) -> Int[np.ndarray, " class"]:
        """The smaller of `positives` and `negatives`."""
        return np.asarray(np.minimum(self.positives, self.negatives))


def areas_of(
    scores: Float[np.ndarray, "record class"],
    labels: Bool[np.ndarray, "record class"],
    patients: Int[np.ndarray, " record"],
) -> Areas:
    """Return the area of each class, and the influence of each patient on it.

    Args:
        scores: higher means more likely; any monotone scale.
        labels: the classes of each record.
        patients: number of the patient of each record, from 0 without gaps.
    """
    columns = range(labels.shape[1])
    values, people = np.full(len(columns), np.nan), int(patients.max(initial=-1)) + 1
    influence = np.zeros((people, len(columns)))
    positives, negatives = (
        np.array([len(np.unique(patients[labels[:, c] == side])) for c in columns], dtype=int)
        for side in (True, False)
    )
    for c in columns:
        label = labels[:, c]
        if label.any() and not label.all():
            placement = _placements(scores[:, c], label)
            values[c] = placement[label].mean()
            # As for a variance from a sample: without it the error of few patients is too small.
            wider = {True: _inflation(positives[c]), False: _inflation(negatives[c])}
            weight = np.where(label, wider[True] / label.sum(), wider[False] / (~label).sum())
            influence[:, c] = np.bincount(patients, (placement - values[c]) * weight, people)
    return Areas(values, influence, positives, negatives)


def _placements(
    score: Float[np.ndarray, " record"], label: Bool[np.ndarray, " record"]
) -> Float[np.ndarray, " record"]:
    """Return the share of the other side that each record is on the right side of; ties count half."""
    ranks, share = rankdata(score), np.empty(len(score))
    share[label] = (ranks[label] - rankdata(score[label])) / (~label).sum()
    share[~label] = 1 - (ranks[~label] - rankdata(score[~label])) / label.sum()
    return share


def _inflation(patients: int) -> float:
    return float(np.sqrt(patients / max(patients - 1, 1)))


def class_intervals(areas: Areas) -> Float[np.ndarray, "class 2"]:
    """Return the interval of each area: symmetric on the logit scale.

    The area is first moved by half a pair towards 1/2, so that an area of 0 or 1 has an interval too. NaN for
    a class with fewer than `LEAST_PATIENTS` on one side.
    """
    pairs = np.maximum(areas.positives * areas.negatives, 1)
    centre = (areas.values * pairs + 0.5) / (pairs + 1)
    error = np.maximum(np.sqrt(np.square(areas.influence).sum(axis=0)), _least_error(centre, areas))
    reach = norm.ppf(_LEVEL) * error / (centre * (1 - centre))
    limits = expit(logit(centre)[:, None] + np.stack([-reach, reach], axis=1))
    # Half a pair may move a limit past an area of 0 or 1.
    limits = np.stack([np.fmin(limits[:, 0], areas.values), np.fmax(limits[:, 1], areas.values)], axis=1)
    return np.where((areas.fewest >= max(LEAST_PATIENTS, 1))[:, None], limits, np.nan)


def _least_error(area: Float[np.ndarray, " class"], areas: Areas) -> Float[np.ndarray, " class"]:
    """Return the standard error of an area by Hanley and McNeil, with both sides treated alike (Newcombe)."""
    pairs = np.maximum(areas.positives * areas.negatives, 1)
    others = (areas.positives + areas.negatives) / 2 - 1
    variance = area * (1 - area) * (1 + others * ((1 - area) / (2 - area) + area / (1 + area))) / pairs
    return np.asarray(np.sqrt(variance))


def macro_interval(areas: Areas, counted: Bool[np.ndarray, " class"]) -> tuple[float, float]:
    """Return the interval of the mean area of the classes `counted`, from the intervals of these classes.

    The distances of the classes' limits from their areas are added like standard errors, with the
    correlations of the areas (MOVER: Zou and Donner, Statistics in Medicine 2008). A class without a positive
    or a negative counts as the constant 0. NaN if another class that counts has no interval.
    """
    constant = ~np.isfinite(areas.values)
    limits = class_intervals(areas)[counted & ~constant]
    values, number = areas.values[counted & ~constant], int(counted.sum())
    correlation = _correlations(areas.influence[:, counted & ~constant])
    mean = values.sum() / number
    below, above = (
        np.sqrt(np.maximum(distance @ correlation @ distance, 0)) / number
        for distance in (values - limits[:, 0], limits[:, 1] - values)
    )
    return float(np.maximum(mean - below, 0)), float(np.minimum(mean + above, 1))


def _correlations(influence: Float[np.ndarray, "patient class"]) -> Float[np.ndarray, "class class"]:
    """Return the correlations of the areas; 0 for an area that no patient moves."""
    products = influence.T @ influence
    lengths = np.sqrt(np.diag(products))
    lengths[lengths == 0] = 1
    correlations = products / np.outer(lengths, lengths)
    np.fill_diagonal(correlations, 1)
    return np.asarray(correlations)


def mean_difference(
    influence: Float[np.ndarray, " patient"], difference: float
) -> tuple[float, float, float]:
    """Return the interval of a difference between two mean areas, and the p-value of no difference.

    Student's t with the degrees of freedom of Satterthwaite (Biometrics 1946), because few patients with rare
    findings may decide most of the variance.

    Args:
        influence: of each patient on the difference.
        difference: the difference.
    """
    squares = np.square(influence)
    if not squares.any():
        return difference, difference, 1.0 if difference == 0 else 0.0
    error, freedom = np.sqrt(squares.sum()), squares.sum() ** 2 / np.square(squares).sum()
    reach = t.ppf(_LEVEL, freedom) * error
    p_value = 2 * t.sf(abs(difference) / error, freedom)
    return float(difference - reach), float(difference + reach), float(p_value)
