"""Cross-validation over patients, by which a probe is selected."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from sklearn.model_selection import GroupKFold

__all__ = ["Rows", "Scores", "held_out_scores", "log_losses"]

_PARTS = 5

Rows = Int[np.ndarray, " row"]
Scores = Float[np.ndarray, "option record class"]


def held_out_scores(
    score: Callable[[Rows, Rows], Scores],
    labels: Bool[np.ndarray, "record class"],
    patients: Shaped[np.ndarray, " record"],
    seed: int,
) -> Scores | None:
    """Return scores of each record by the probes that were not trained on its patient; None for one patient.

    `score` trains on the first rows, and returns the log-odds of the second for each option.
    There are five parts, or fewer if there are fewer patients; `seed` draws them.
    """
    groups = len(set(patients))
    if groups < 2:
        return None
    parts = GroupKFold(min(_PARTS, groups), shuffle=True, random_state=seed)
    training, held_out = zip(*parts.split(labels, groups=patients), strict=True)
    found = np.concatenate([score(*rows) for rows in zip(training, held_out, strict=True)], axis=1)
    return found[:, np.argsort(np.concatenate(held_out))]


def log_losses(scores: Scores, labels: Bool[np.ndarray, "record class"]) -> Float[np.ndarray, " option"]:
    """Return the log-loss of each option, summed over records and classes."""
    return np.asarray((np.logaddexp(0, scores) - scores * labels).sum(axis=(1, 2)))
