"""Scores and labels of records, sorted once for all resamples of a bootstrap."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import csr_array

__all__ = ["Records", "Steps"]


@dataclass(frozen=True)
class Steps:
    """The records of a class from the highest score to the lowest, in steps.

    Records of equal scores are one step. Steps without a positive that follow each other are joined; neither
    the ROC curve nor precision at the positives depends on what is between them.
    """

    present: csr_array
    absent: csr_array

    @classmethod
    def of(cls, score: Float[np.ndarray, " record"], label: Bool[np.ndarray, " record"]) -> Steps:
        """Sort the records of a class."""
        tied = np.unique(-score, return_inverse=True)[1]
        positive = np.bincount(tied, label) > 0
        begins = positive | np.r_[True, positive[:-1]]
        step = (np.cumsum(begins) - 1)[tied]
        shape = (int(begins.sum()), len(score))
        sides = [np.flatnonzero(label), np.flatnonzero(~label)]
        return cls(*(csr_array((np.ones(len(side)), (step[side], side)), shape=shape) for side in sides))

    def counts(
        self, weights: Float[np.ndarray, "record resample"]
    ) -> tuple[Float[np.ndarray, "step resample"], Float[np.ndarray, "step resample"]]:
        """Return the weight of the positives and of the negatives in each step."""
        return self.present @ weights, self.absent @ weights


@dataclass(frozen=True)
class Records:
    """Scores and labels with the same rows and columns.

    Attributes:
        scores: higher means more likely.
        labels: the classes of each record.
        thresholds: of each class; a score from the threshold on predicts the class. NaN where there is none.
    """

    scores: Float[np.ndarray, "record class"]
    labels: Bool[np.ndarray, "record class"]
    thresholds: Float[np.ndarray, " class"] | None = None

    @cached_property
    def steps(self) -> list[Steps]:
        """The records of each class, sorted."""
        return [Steps.of(*columns) for columns in zip(self.scores.T, self.labels.T, strict=True)]

    @cached_property
    def two_sided(self) -> Bool[np.ndarray, " class"]:
        """Whether a class has a positive and a negative."""
        return np.asarray(self.labels.any(axis=0) & ~self.labels.all(axis=0))

    @cached_property
    def predicted(self) -> Float[np.ndarray, "record class"]:
        """1 where a class is predicted, 0 where it is not; NaN for a class without a threshold."""
        if self.thresholds is None:
            raise ValueError("predictions need thresholds")
        return np.where(np.isnan(self.thresholds), np.nan, self.scores >= self.thresholds)

    def some(
        self,
        records: Int[np.ndarray, " some"] | slice = slice(None),
        classes: Bool[np.ndarray, " class"] | slice = slice(None),
    ) -> Records:
        """Return some of the records, with some of the classes."""
        thresholds = None if self.thresholds is None else self.thresholds[classes]
        return Records(self.scores[records][:, classes], self.labels[records][:, classes], thresholds)
