"""Stratified subsets of a multi-label training set."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int

from melp.errors import MelpError

__all__ = ["stratified_subset"]


def stratified_subset(
    labels: Bool[np.ndarray, "record class"], percent: float, seed: int
) -> Int[np.ndarray, " chosen"]:
    """Return the rows of a subset in which each class keeps its share and at least one positive.

    Iterative stratification (Sechidis, Tsoumakas and Vlahavas, ECML-PKDD 2011) into two parts, rarest class
    first, then trimmed or filled at random to `percent` of the records. It is larger than that only if one
    positive per class does not fit.

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
    chosen = _iterative(labels, percent / 100, generator)
    target = max(1, round(len(labels) * percent / 100))
    _fit_size(chosen, labels, target, generator)
    return np.flatnonzero(chosen)


def _iterative(
    labels: Bool[np.ndarray, "record class"], share: float, generator: np.random.Generator
) -> Bool[np.ndarray, " record"]:
    """Return which records go into the part with `share` of every class."""
    counts = labels.sum(axis=0).astype(float)
    inside = np.where(counts > 0, np.maximum(1, share * counts), 0)  # positives that each part still lacks
    outside = counts - inside
    chosen = np.zeros(len(labels), dtype=bool)
    undecided = np.ones(len(labels), dtype=bool)
    left = counts.copy()
    while left.any():
        rarest = int(np.argmin(np.where(left > 0, left, np.inf)))
        for row in generator.permutation(np.flatnonzero(labels[:, rarest] & undecided)):
            chosen[row] = inside[rarest] >= outside[rarest]
            (inside if chosen[row] else outside)[labels[row]] -= 1
            left[labels[row]] -= 1
            undecided[row] = False
    return chosen


def _fit_size(
    chosen: Bool[np.ndarray, " record"],
    labels: Bool[np.ndarray, "record class"],
    target: int,
    generator: np.random.Generator,
) -> None:
    """Drop or add random records, in place, until `target` are chosen; no class loses its last positive."""
    positives = labels[chosen].sum(axis=0)
    for row in generator.permutation(np.flatnonzero(chosen)):
        if chosen.sum() <= target:
            break
        if (positives[labels[row]] > 1).all():
            chosen[row] = False
            positives[labels[row]] -= 1
    missing = target - int(chosen.sum())
    if missing > 0:
        chosen[generator.permutation(np.flatnonzero(~chosen))[:missing]] = True
