"""Two models on the same records: the difference of their areas, patient by patient drawn for both alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from melp.errors import MelpError
from melp.evaluation.metrics import auroc, bootstrap_auroc, interval, row_means

__all__ = ["Difference", "compare"]


@dataclass(frozen=True)
class Difference:
    """Macro AUROC of two models and how far apart they are.

    Attributes:
        first, second: means over the models' tables of scores (0 to 1).
        difference: `first - second`.
        lo, hi: 95 % bootstrap interval of the difference.
        left_out: classes with too few positives to count.
        n: records judged.
        patients: whose they are.
    """

    first: float
    second: float
    difference: float
    lo: float
    hi: float
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
    resamples: int = 1000,
    seed: int = 0,
) -> Difference:
    """Paired bootstrap over patients (Efron and Tibshirani, An Introduction to the Bootstrap, 1993).

    Each resample draws patients once, for both models and for all their tables; a model's area in it is the
    mean over its tables, so that the interval is about models and not about one subset of labels or seed.

    Args:
        first, second: scores of each model, one table a subset of labels or seed; a row a record indexed by
            id, a column a class.
        labels: the truth in the same form; its rows and columns are the ones judged.
        patients: patient of each record, indexed by id.
        min_positives: classes with fewer positives do not count.
        resamples, seed: of the bootstrap.

    Raises:
        MelpError: a model without a table, a record or class without a score, or no class that counts.
    """
    if not first or not second:
        raise MelpError("comparison: a model without scores found, wanted at least one table of each")
    truth = labels.to_numpy(dtype=bool)
    counted = (truth.sum(axis=0) >= max(min_positives, 1)) & ~truth.all(axis=0)
    if not counted.any():
        raise MelpError(f"labels: no class with {min_positives} positives and a negative")
    groups = pd.factorize(patients.loc[labels.index])[0]
    both = [
        [_areas(_values(table, labels), truth, groups, counted, resamples, seed) for table in tables]
        for tables in (first, second)
    ]
    (one, one_drawn), (other, other_drawn) = (
        (float(np.mean([area for area, _ in areas])), np.mean([drawn for _, drawn in areas], axis=0))
        for areas in both
    )
    low, high = interval(one_drawn - other_drawn)
    return Difference(
        first=one,
        second=other,
        difference=one - other,
        lo=low,
        hi=high,
        left_out=tuple(str(name) for name, counts in zip(labels.columns, counted, strict=True) if not counts),
        n=len(labels),
        patients=int(groups.max()) + 1,
    )


def _values(table: pd.DataFrame, labels: pd.DataFrame) -> Float[np.ndarray, "record class"]:
    """Scores in the order of `labels`, joined by name."""
    records, classes = labels.index.difference(table.index), set(labels.columns) - set(table.columns)
    if len(records) or classes:
        raise MelpError(f"scores: {len(records)} records and the classes {sorted(classes)} missing")
    return table.loc[labels.index, labels.columns].to_numpy(dtype=float)


def _areas(
    scores: Float[np.ndarray, "record class"],
    truth: Bool[np.ndarray, "record class"],
    groups: Int[np.ndarray, " record"],
    counted: Bool[np.ndarray, " class"],
    resamples: int,
    seed: int,
) -> tuple[float, Float[np.ndarray, " resample"]]:
    """Macro area of a table, and in each resample over the classes that have one there."""
    scores, truth = scores[:, counted], truth[:, counted]
    drawn = bootstrap_auroc(scores, truth, groups, resamples=resamples, seed=seed)
    return float(auroc(scores, truth).mean()), row_means(drawn)
