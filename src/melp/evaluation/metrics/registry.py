"""The metrics, each a function of records that count as often as their weights say.

To add one, write a function and decorate it with `@metric(...)`. Its name is that of the metric.

Sources: areas under curves as in scikit-learn, where precision is not interpolated (Davis and Goadrich, ICML
2006); Brier, Monthly Weather Review 1950; expected calibration error with 15 bins, Guo et al., ICML 2017.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float
from sklearn.metrics import precision_recall_curve, roc_curve

from melp.evaluation.metrics.records import Records, Steps

__all__ = ["BINS", "METRICS", "SPECIFICITY", "Metric"]

SPECIFICITY = 0.9
"""Specificity at which sensitivity is read."""
BINS = 15
"""Bins of the calibration error, of equal width."""

Weights = Float[np.ndarray, "record resample"]
Values = Float[np.ndarray, "class resample"]
Compute = Callable[[Records, Weights], Values]
Choose = Callable[[Float[np.ndarray, " record"], Bool[np.ndarray, " record"]], float]


@dataclass(frozen=True)
class Metric:
    """A metric and what it needs.

    Attributes:
        name: the name in rows.
        compute: values for each class and each column of weights; NaN where there is none.
        threshold: chooses the threshold of a class, from scores and labels.
        same_records: the threshold may be chosen on the evaluated records, if there are no others.
        probabilities: scores must be probabilities.
        least: fewest patients with, and without, a class for which percentile intervals cover at least 93 %
            (benchmarks/results/metric_intervals.md); infinite if they never do, or were not measured.
        least_mean: the same for each class of a mean over classes.
    """

    name: str
    compute: Compute
    threshold: Choose | None = None
    same_records: bool = False
    probabilities: bool = False
    least: float = np.inf
    least_mean: float = np.inf

    def with_thresholds(self, records: Records, others: Records) -> Records:
        """Return records with the thresholds that the metric needs, chosen on others."""
        if self.threshold is None:
            return records
        thresholds = np.full(len(others.two_sided), np.nan)
        for c in np.flatnonzero(others.two_sided):
            thresholds[c] = self.threshold(others.scores[:, c], others.labels[:, c])
        return replace(records, thresholds=thresholds)


METRICS: dict[str, Metric] = {}
"""All metrics by name."""


def metric(
    *,
    threshold: Choose | None = None,
    same_records: bool = False,
    probabilities: bool = False,
    least: float = np.inf,
    least_mean: float = np.inf,
) -> Callable[[Compute], Compute]:
    """Add the decorated function to `METRICS`; the arguments are the fields of `Metric`."""

    def add(compute: Compute) -> Compute:
        name = compute.__name__
        METRICS[name] = Metric(name, compute, threshold, same_records, probabilities, least, least_mean)
        return compute

    return add


def _best_f1(score: Float[np.ndarray, " record"], label: Bool[np.ndarray, " record"]) -> float:
    """Return the threshold of the greatest F1; the highest of several."""
    precision, recall, thresholds = precision_recall_curve(label, score)
    f1 = 2 * precision * recall / np.maximum(precision + recall, np.finfo(float).tiny)
    return float(thresholds[len(thresholds) - 1 - np.argmax(f1[-2::-1])])


def _at_specificity(score: Float[np.ndarray, " record"], label: Bool[np.ndarray, " record"]) -> float:
    """Return the lowest threshold with a specificity of at least `SPECIFICITY`."""
    false_positives, _, thresholds = roc_curve(label, score, drop_intermediate=False)
    return float(thresholds[np.flatnonzero(1 - false_positives >= SPECIFICITY - 1e-12)[-1]])


def _by_class(records: Records, value: Callable[[Steps], Float[np.ndarray, " resample"]]) -> Values:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.stack([value(steps) for steps in records.steps])


def _ratio(above: Values, below: Values) -> Values:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(above / below)


@metric()
def auroc(records: Records, weights: Weights) -> Values:
    """Area under the ROC curve; ties count half."""

    def area(steps: Steps) -> Float[np.ndarray, " resample"]:
        present, absent = steps.counts(weights)
        lower = absent.sum(axis=0) - absent.cumsum(axis=0) + absent / 2
        return np.asarray((present * lower).sum(axis=0) / (present.sum(axis=0) * absent.sum(axis=0)))

    return _by_class(records, area)


@metric(least=20)
def auprc(records: Records, weights: Weights) -> Values:
    """Area under the precision-recall curve: the mean of precision at the positives."""

    def area(steps: Steps) -> Float[np.ndarray, " resample"]:
        present, absent = steps.counts(weights)
        found = present.cumsum(axis=0)
        precision = np.nan_to_num(found / (found + absent.cumsum(axis=0)))
        return np.asarray((present * precision).sum(axis=0) / found[-1])

    return _by_class(records, area)


@metric(threshold=_best_f1, least=30, least_mean=30)
def f1(records: Records, weights: Weights) -> Values:
    """F1 at the threshold of the greatest F1 on the validation records."""
    hits = (records.predicted * records.labels).T @ weights
    return _ratio(2 * hits, (records.predicted + records.labels).T @ weights)


@metric(threshold=_best_f1, least=5, least_mean=5)
def accuracy(records: Records, weights: Weights) -> Values:
    """Share of correct predictions of a class, at the threshold of `f1`."""
    right = np.where(np.isnan(records.predicted), np.nan, records.predicted == records.labels)
    return _ratio(right.T @ weights, weights.sum(axis=0))


@metric(threshold=_at_specificity, same_records=True, least=30, least_mean=30)
def sensitivity(records: Records, weights: Weights) -> Values:
    """Share of the positives that are found, at a threshold with a specificity of 0.9."""
    return _ratio((records.predicted * records.labels).T @ weights, records.labels.T @ weights)


@metric(probabilities=True, least=1, least_mean=1)
def brier(records: Records, weights: Weights) -> Values:
    """Mean squared difference between probability and label."""
    return _ratio(np.square(records.scores - records.labels).T @ weights, weights.sum(axis=0))


@metric(probabilities=True)
def calibration_error(records: Records, weights: Weights) -> Values:
    """Expected calibration error; its bootstrap is biased upwards, so it has no interval."""
    surplus = records.scores - records.labels
    bins = np.minimum((records.scores * BINS).astype(int), BINS - 1)
    gaps = sum(np.abs((surplus * (bins == one)).T @ weights) for one in range(BINS))
    return _ratio(np.asarray(gaps), weights.sum(axis=0))
