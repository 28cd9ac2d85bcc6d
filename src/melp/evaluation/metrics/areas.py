"""Area under the ROC curve of many classes at once.

A class without a positive or without a negative has no area: it is left out by name. Common metric libraries
count it as 0 or drop it silently (published zero-shot numbers contain both).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from scipy.stats import rankdata

from melp.errors import MelpError

__all__ = ["aligned_scores", "auroc"]


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


def aligned_scores(scores: pd.DataFrame, labels: pd.DataFrame) -> Float[np.ndarray, "record class"]:
    """Return scores with the rows and columns of `labels`, joined by name.

    Raises:
        MelpError: a record or class without a score.
    """
    records, classes = labels.index.difference(scores.index), set(labels.columns) - set(scores.columns)
    if len(records) or classes:
        raise MelpError(f"scores: {len(records)} records and the classes {sorted(classes)} are missing")
    return scores.loc[labels.index, labels.columns].to_numpy(dtype=float)
