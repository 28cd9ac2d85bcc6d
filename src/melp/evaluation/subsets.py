"""Stratified, nested subsets of a multi-label training set."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int

from melp.errors import MelpError

__all__ = ["size_notes", "stratified_subset"]

_TOLERANCE = 0.1  # of the share asked for


def stratified_subset(
    labels: Bool[np.ndarray, "record class"], percent: float, seed: int
) -> Int[np.ndarray, " chosen"]:
    """Return the rows of a subset in which each class keeps its share and at least one positive.

    The first records are one positive of each class, rarest class first. The others are added by iterative
    stratification (Sechidis, Tsoumakas and Vlahavas, ECML-PKDD 2011) into halves, then halves of these, until
    there are `percent` of the records. The subset is larger than that only if one positive per class does not
    fit; `size_notes` says so. Subsets of one seed are nested: a smaller share is a part of a larger one.

    Args:
        labels: the classes of each record.
        percent: size of the subset, above 0 and up to 100.
        seed: another seed draws another subset.

    Differences: every class keeps at least one positive. The published 1 % subsets are plain samples of one
    seed, in which up to nine classes have none.

    Raises:
        MelpError: `percent` is out of range.
    """
    if not 0 < percent <= 100:
        raise MelpError(f"fraction: found {percent:g}, wanted per cent above 0 and up to 100")
    if percent == 100:
        return np.arange(len(labels))
    generator = np.random.default_rng(seed)
    # Records without any label form a class of their own, so that they also keep their share.
    labels = np.column_stack([labels, ~labels.any(axis=1)])
    chosen = _one_of_each(labels, generator)
    target = max(1, round(len(labels) * percent / 100))
    others = np.flatnonzero(~chosen)
    chosen[_stratified(labels, others, target - int(chosen.sum()), generator)] = True
    return np.flatnonzero(chosen)


def _one_of_each(
    labels: Bool[np.ndarray, "record class"], generator: np.random.Generator
) -> Bool[np.ndarray, " record"]:
    """Return which records are chosen so that each class has a positive."""
    chosen = np.zeros(len(labels), dtype=bool)
    for column in np.argsort(labels.sum(axis=0), kind="stable"):
        rows = np.flatnonzero(labels[:, column])
        if len(rows) and not chosen[rows].any():
            chosen[generator.choice(rows)] = True
    return chosen


def _stratified(
    labels: Bool[np.ndarray, "record class"],
    rows: Int[np.ndarray, " row"],
    count: int,
    generator: np.random.Generator,
) -> Int[np.ndarray, " chosen"]:
    """Return `count` of `rows`: whole halves of them, as long as these fit, then a part of the next half."""
    chosen = [rows[:0]]
    while count > 0:
        half = _half(labels[rows], generator) if count < len(rows) else np.ones(len(rows), dtype=bool)
        if count < half.sum():
            rows = rows[half]
        else:
            chosen.append(rows[half])
            count, rows = count - int(half.sum()), rows[~half]
            count = min(count, len(rows))
    return np.concatenate(chosen)


def _half(
    labels: Bool[np.ndarray, "record class"], generator: np.random.Generator
) -> Bool[np.ndarray, " record"]:
    """Return which of at least two records form a half with half of every class, rarest class first."""
    inside = labels.sum(axis=0) / 2  # positives that each half still lacks
    outside = inside.copy()
    chosen = np.zeros(len(labels), dtype=bool)
    undecided = np.ones(len(labels), dtype=bool)
    left = labels.sum(axis=0)
    while left.any():
        rarest = int(np.argmin(np.where(left > 0, left, np.inf)))
        for row in generator.permutation(np.flatnonzero(labels[:, rarest] & undecided)):
            lacks = inside[rarest] - outside[rarest]
            chosen[row] = lacks > 0 or (lacks == 0 and generator.random() < 0.5)
            (inside if chosen[row] else outside)[labels[row]] -= 1
            left[labels[row]] -= 1
            undecided[row] = False
    if chosen.all() or not chosen.any():
        chosen[generator.permutation(len(labels))[: len(labels) // 2]] ^= True
    return chosen


def size_notes(task: str, percent: float, used: int, available: int) -> list[str]:
    """Return a line for the user if a subset differs from `percent` of its records by more than a tenth."""
    share = 100 * used / available
    if abs(share - percent) <= _TOLERANCE * percent:
        return []
    return [
        f"{task}: {percent:g} % of the labels: {used} of {available} records used, which is {share:.3g} %"
    ]
