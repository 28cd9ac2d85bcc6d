"""The difference between two models on the same records, with its interval over patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.stats import norm

from melp.errors import MelpError
from melp.evaluation.intervals import LEAST_PAIRED, Areas, areas_of, mean_difference
from melp.evaluation.metrics import aligned_scores

__all__ = ["Difference", "compare", "holm", "p_from_interval"]


@dataclass(frozen=True)
class Difference:
    """Macro AUROC of two models and their difference.

    Attributes:
        first, second: means over the models' tables of scores (0 to 1).
        difference: `first - second`.
        lo, hi: 95 % interval of the difference over patients; None if a class that counts has too few of them
            (`LEAST_PAIRED`), because the interval then covers less than 95 %.
        p: two-sided p-value of no difference, of one comparison; None as `lo`. See `holm` for several.
        left_out: classes with too few positives.
        n: the number of records.
        patients: the number of patients.
    """

    first: float
    second: float
    difference: float
    lo: float | None
    hi: float | None
    p: float | None
    left_out: tuple[str, ...]
    n: int
    patients: int


def compare(
    first: Sequence[pd.DataFrame],
    second: Sequence[pd.DataFrame],
    labels: pd.DataFrame,
    patients: pd.Series,
    *,
    min_positives: int = 1,
) -> Difference:
    """Compare two models on the same records of the same patients.

    The influence of each patient on a model's area is the mean over the model's tables, so the interval is
    about models and not about one subset of labels or seed. It is over patients alone: it does not contain
    how much models of other seeds would differ.

    Args:
        first, second: scores of each model, one table per subset of labels or seed; one row per record,
            indexed by id, and one column per class.
        labels: the true labels in the same form; its rows and columns are evaluated.
        patients: patient of each record, indexed by id.
        min_positives: classes with fewer positives do not count.

    Raises:
        MelpError: a model without a table, a record or class without a score, or no class that counts.
    """
    if not first or not second:
        raise MelpError("comparison: found a model without scores, wanted at least one table of each")
    truth = labels.to_numpy(dtype=bool)
    counted = (truth.sum(axis=0) >= max(min_positives, 1)) & ~truth.all(axis=0)
    if not counted.any():
        raise MelpError(f"labels: no class with {min_positives} positives and a negative")
    groups = pd.factorize(np.asarray(patients.loc[labels.index]))[0]

    def areas(tables: Sequence[pd.DataFrame]) -> list[Areas]:
        scores = (aligned_scores(table, labels)[:, counted] for table in tables)
        return [areas_of(values, truth[:, counted], groups) for values in scores]

    ours, theirs = areas(first), areas(second)
    means = [float(np.mean([one.values.mean() for one in side])) for side in (ours, theirs)]
    difference = means[0] - means[1]
    low, high, p_value = mean_difference(_mean_influence(ours) - _mean_influence(theirs), difference)
    covers = bool((ours[0].fewest >= LEAST_PAIRED).all())
    return Difference(
        first=means[0],
        second=means[1],
        difference=difference,
        lo=low if covers else None,
        hi=high if covers else None,
        p=p_value if covers else None,
        left_out=tuple(str(name) for name, counts in zip(labels.columns, counted, strict=True) if not counts),
        n=len(labels),
        patients=int(groups.max()) + 1,
    )


def _mean_influence(tables: Sequence[Areas]) -> Float[np.ndarray, " patient"]:
    """Return the influence of each patient on the mean area over tables and classes."""
    return np.asarray(np.mean([one.influence.mean(axis=1) for one in tables], axis=0))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return p-values that are corrected for the number of comparisons (Holm, Scandinavian J. Stat. 1979).

    None stays None and counts as a comparison: leaving it out would make the others look better.
    """
    order = sorted(range(len(p_values)), key=lambda place: _or_one(p_values[place]))
    corrected: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, place in enumerate(order):
        value = p_values[place]
        largest = max(largest, min(1.0, (len(order) - rank) * _or_one(value)))
        corrected[place] = None if value is None else largest
    return corrected


def _or_one(value: float | None) -> float:
    return 1.0 if value is None else value


def p_from_interval(difference: float, lo: float, hi: float) -> float:
    """Return the two-sided p-value of no difference that fits a 95 % interval (Altman and Bland, BMJ 2011).

    The estimate is taken to be normal; for results whose p-value was not kept.
    """
    error = (hi - lo) / (2 * norm.ppf(0.975))
    if error == 0:
        return 1.0 if difference == 0 else 0.0
    return float(2 * norm.sf(abs(difference) / error))
