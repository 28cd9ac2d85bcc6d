"""Area under the ROC curve of many classes at once, and its interval over patients.

A class without a positive or without a negative has no area: it is left out by name. Common metric libraries
count it as 0 or drop it silently (published zero-shot numbers contain both).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from scipy.stats import rankdata

from melp.errors import MelpError
from melp.evaluation.intervals import areas_of, class_intervals, macro_interval

__all__ = [
    "MACRO",
    "Auroc",
    "aligned_scores",
    "auroc",
    "evaluate_auroc",
]

MACRO = "auroc_macro"


@dataclass(frozen=True)
class Auroc:
    """Areas of one set of scores.

    Attributes:
        values: `auroc_macro`, and one `auroc/CLASS` per class with an area (0 to 1).
        intervals: their 95 % intervals, where there are (see `melp.evaluation.intervals`).
        positives: the number of positives of each class.
        left_out: the classes that the macro mean does not count.
        n: the number of records.
    """

    values: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    positives: dict[str, int]
    left_out: tuple[str, ...]
    n: int = field(default=0)

    @property
    def macro(self) -> float:
        """The mean over the classes that are not left out."""
        return self.values[MACRO]


def auroc(
    scores: Float[np.ndarray, "record class"], labels: Bool[np.ndarray, "record class"]
) -> Float[np.ndarray, " class"]:
    """Return the area under the ROC curve of each class, from mid-ranks (ties count half).

    NaN if a class has no positive or no negative. Mann-Whitney form: Hanley and McNeil, Radiology 1982.
    """
    if not len(scores):
        return np.full(scores.shape[1], np.nan)
    ranks = rankdata(scores, axis=0)
    positives = labels.sum(axis=0)
    negatives = len(labels) - positives
    above = (ranks * labels).sum(axis=0) - positives * (positives + 1) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(above / (positives * negatives), dtype=float)


def evaluate_auroc(
    scores: pd.DataFrame,
    labels: pd.DataFrame,
    patients: pd.Series | None = None,
    *,
    min_positives: int = 1,
    empty_as_zero: bool = False,
) -> Auroc:
    """Return the areas of all classes and their macro mean, with 95 % intervals.

    Args:
        scores: one row per record indexed by id, one column per class; other rows and columns are allowed.
        labels: the true labels in the same form; its rows and columns are evaluated.
        patients: patient of each record, indexed by id; without it each record is of another patient.
        min_positives: classes with fewer positives are left out of the macro mean (at least 1).
        empty_as_zero: count classes without a positive or a negative as 0, as published, and leave out none.

    Raises:
        MelpError: a record or class without a score, a score that is not a number, or no class with an area.
    """
    values, truth = aligned_scores(scores, labels), labels.to_numpy(dtype=bool)
    if not np.isfinite(values).all():
        raise MelpError("scores: found values that are not finite numbers")
    positives, groups = truth.sum(axis=0), labels.index if patients is None else patients.loc[labels.index]
    found = areas_of(values, truth, pd.factorize(np.asarray(groups))[0])
    areas = np.nan_to_num(found.values) if empty_as_zero else found.values
    counted = np.isfinite(areas) & ((positives >= min_positives) | empty_as_zero)
    if not counted.any():
        raise MelpError(
            f"labels: no class with {min_positives} positives and a negative in {len(labels)} records"
        )
    names = [str(name) for name in labels.columns]
    keys = [MACRO, *(f"auroc/{name}" for name in names)]
    means = zip(keys, (float(areas[counted].mean()), *areas.tolist()), strict=True)
    limits = zip(keys, (macro_interval(found, counted), *class_intervals(found).tolist()), strict=True)
    return Auroc(
        values={key: value for key, value in means if np.isfinite(value)},
        intervals={key: (low, high) for key, (low, high) in limits if low <= high},
        positives=dict(zip(names, positives.tolist(), strict=True)),
        left_out=tuple(name for name, counts in zip(names, counted, strict=True) if not counts),
        n=len(labels),
    )


def aligned_scores(scores: pd.DataFrame, labels: pd.DataFrame) -> Float[np.ndarray, "record class"]:
    """Return scores with the rows and columns of `labels`, joined by name.

    Raises:
        MelpError: a record or class without a score.
    """
    records, classes = labels.index.difference(scores.index), set(labels.columns) - set(scores.columns)
    if len(records) or classes:
        raise MelpError(f"scores: {len(records)} records and the classes {sorted(classes)} are missing")
    return scores.loc[labels.index, labels.columns].to_numpy(dtype=float)
