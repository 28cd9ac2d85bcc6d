"""The difference between two models on the same records, by a paired bootstrap over patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from melp.errors import MelpError
from melp.evaluation.metrics import aligned_scores, auroc, bootstrap_auroc, interval, row_means

__all__ = ["Difference", "compare"]


@dataclass(frozen=True)
class Difference:
    """Macro AUROC of two models and their difference.

    Attributes:
        first, second: means over the models' tables of scores (0 to 1).
        difference: `first - second`.
        lo, hi: 95 % bootstrap interval of the difference.
        left_out: classes with too few positives.
        n: the number of records.
        patients: the number of patients.
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
    """Compare two models by a paired bootstrap over patients.

    Each resample draws patients once, for both models and all their tables; a model's area in a resample is
    the mean over its tables, so the interval is about models and not about one subset of labels or seed. See
    Efron and Tibshirani, An Introduction to the Bootstrap, 1993.

    Args:
        first, second: scores of each model, one table per subset of labels or seed; one row per record,
            indexed by id, and one column per class.
        labels: the true labels in the same form; its rows and columns are evaluated.
        patients: patient of each record, indexed by id.
        min_positives: classes with fewer positives do not count.
        resamples, seed: of the bootstrap.

    Raises:
        MelpError: a model without a table, a record or class without a score, or no class that counts.
    """
    if not first or not second:
        raise MelpError("comparison: found a model without scores, wanted at least one table of each")
    truth = labels.to_numpy(dtype=bool)
    counted = (truth.sum(axis=0) >= max(min_positives, 1)) & ~truth.all(axis=0)
    if not counted.any():
        raise MelpError(f"labels: no class with {min_positives} positives and a negative")
    groups = pd.factorize(patients.loc[labels.index])[0]

    def mean_areas(tables: Sequence[pd.DataFrame]) -> tuple[float, Float[np.ndarray, " resample"]]:
        scores = [aligned_scores(table, labels)[:, counted] for table in tables]
        areas = [_areas(values, truth[:, counted], groups, resamples, seed) for values in scores]
        return float(np.mean([area for area, _ in areas])), np.mean([drawn for _, drawn in areas], axis=0)

    (area_1, resampled_1), (area_2, resampled_2) = mean_areas(first), mean_areas(second)
    low, high = interval(resampled_1 - resampled_2)
    return Difference(
        first=area_1,
        second=area_2,
        difference=area_1 - area_2,
        lo=low,
        hi=high,
        left_out=tuple(str(name) for name, counts in zip(labels.columns, counted, strict=True) if not counts),
        n=len(labels),
        patients=int(groups.max()) + 1,
    )


def _areas(
    scores: Float[np.ndarray, "record class"],
    truth: Bool[np.ndarray, "record class"],
    groups: Int[np.ndarray, " record"],
    resamples: int,
    seed: int,
) -> tuple[float, Float[np.ndarray, " resample"]]:
    """Return the macro area of a table, and that of each resample over the classes with an area in it."""
    resampled = bootstrap_auroc(scores, truth, groups, resamples=resamples, seed=seed)
    return float(auroc(scores, truth).mean()), row_means(resampled)
