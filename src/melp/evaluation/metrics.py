"""Area under the ROC curve of many classes at once, and its bootstrap interval over patients.

A class without a positive or without a negative has no area: it is left out by name. Common metric libraries
count it as 0 or drop it silently (published zero-shot numbers contain both).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int
from scipy.stats import rankdata

from melp.errors import MelpError

__all__ = [
    "MACRO",
    "Auroc",
    "aligned_scores",
    "auroc",
    "bootstrap_auroc",
    "evaluate_auroc",
    "interval",
    "row_means",
]

MACRO = "auroc_macro"
_CHUNK = 100  # resamples held in memory at once


@dataclass(frozen=True)
class Auroc:
    """Areas of one set of scores.

    Attributes:
        values, intervals: `auroc_macro`, and one `auroc/CLASS` per class with an area (0 to 1).
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
        yield generator.multinomial(number, np.full(number, 1 / number), size=size)[:, groups]


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


def interval(values: Float[np.ndarray, " resample"]) -> tuple[float, float]:
    """Return the middle 95 % of the resamples that have a value."""
    values = values[np.isfinite(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)


def evaluate_auroc(
    scores: pd.DataFrame,
    labels: pd.DataFrame,
    patients: pd.Series | None = None,
    *,
    min_positives: int = 1,
    empty_as_zero: bool = False,
    resamples: int = 1000,
    seed: int = 0,
) -> Auroc:
    """Return the areas of all classes and their macro mean, with 95 % bootstrap intervals.

    Args:
        scores: one row per record indexed by id, one column per class; other rows and columns are allowed.
        labels: the true labels in the same form; its rows and columns are evaluated.
        patients: patient of each record, indexed by id; without it records are resampled one by one.
        min_positives: classes with fewer positives are left out of the macro mean (at least 1).
        empty_as_zero: count classes without a positive or a negative as 0, as published, and leave out none.
        resamples: bootstrap resamples; 0 for no intervals.
        seed: seed of the bootstrap.

    The macro mean of a resample is taken over the classes that have an area in it.

    Raises:
        MelpError: a record or class without a score, a score that is not a number, or no class with an area.
    """
    values, truth = aligned_scores(scores, labels), labels.to_numpy(dtype=bool)
    if not np.isfinite(values).all():
        raise MelpError("scores: found values that are not finite numbers")
    areas, positives = auroc(values, truth), truth.sum(axis=0)
    empty = ~np.isfinite(areas)
    if empty_as_zero:
        areas = np.nan_to_num(areas)
    counted = np.isfinite(areas) & ((positives >= min_positives) | empty_as_zero)
    if not counted.any():
        raise MelpError(
            f"labels: no class with {min_positives} positives and a negative in {len(labels)} records"
        )
    names = [str(name) for name in labels.columns]
    intervals: dict[str, tuple[float, float]] = {}
    if resamples:
        groups = pd.factorize(np.asarray(labels.index if patients is None else patients.loc[labels.index]))[0]
        resampled = bootstrap_auroc(values, truth, groups, resamples=resamples, seed=seed)
        if empty_as_zero:
            resampled[:, empty] = 0
        intervals = _intervals(resampled, names, counted)
    by_class = {f"auroc/{name}": float(area) for name, area in zip(names, areas, strict=True)}
    return Auroc(
        values={MACRO: float(areas[counted].mean())} | {k: v for k, v in by_class.items() if np.isfinite(v)},
        intervals=intervals,
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


def _intervals(
    resampled: Float[np.ndarray, "resample class"], names: Sequence[str], counted: Bool[np.ndarray, " class"]
) -> dict[str, tuple[float, float]]:
    """Return intervals of the macro mean over the classes `counted` and of each class with an area."""
    areas = {f"auroc/{name}": column for name, column in zip(names, resampled.T, strict=True)}
    areas = {MACRO: row_means(resampled[:, counted])} | areas
    return {name: interval(column) for name, column in areas.items() if np.isfinite(column).any()}


def row_means(values: Float[np.ndarray, "resample class"]) -> Float[np.ndarray, " resample"]:
    """Return the mean of the finite values of each row; NaN if there is none."""
    finite = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(finite, values, 0).sum(axis=1) / finite.sum(axis=1), dtype=float)
