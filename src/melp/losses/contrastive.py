"""Symmetric contrastive loss between ECGs and reports (rhythm level)."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from melp.signal.precision import without_autocast


def same_report(report: Int[Tensor, " batch"]) -> Bool[Tensor, "batch batch"]:
    """Return which pairs of a batch have the same report, given a number for each report's text."""
    return report[:, None] == report[None, :]


def _cross_entropy(
    logits: Float[Tensor, "row column"], positives: Bool[Tensor, "row column"], valid: Bool[Tensor, " row"]
) -> Float[Tensor, ""]:
    log_probability = logits.masked_fill(~valid, torch.finfo(logits.dtype).min).log_softmax(1)
    targets = positives & valid & valid[:, None]
    rows = -log_probability.masked_fill(~targets, 0).sum(1) / targets.sum(1).clamp(min=1)
    return rows.sum() / valid.sum().clamp(min=1)


def symmetric_cross_entropy(
    logits: Float[Tensor, "pair pair"],
    positives: Bool[Tensor, "pair pair"] | None = None,
    valid: Bool[Tensor, " pair"] | None = None,
) -> Float[Tensor, ""]:
    """Return the mean of the cross entropies over rows and over columns.

    Args:
        logits: ECG by report.
        positives: pairs that match beside the diagonal, symmetric; the target is uniform over all matches.
            None: only the diagonal matches, and other pairs with the same report are negatives.
        valid: pairs that count; the others are ignored.
    """
    eye = torch.eye(logits.shape[0], dtype=torch.bool, device=logits.device)
    positives = eye if positives is None else positives | eye
    valid = torch.ones_like(eye[0]) if valid is None else valid
    return (_cross_entropy(logits, positives, valid) + _cross_entropy(logits.t(), positives.t(), valid)) / 2


def global_contrastive(
    ecg: Float[Tensor, "pair dim"],
    text: Float[Tensor, "pair dim"],
    scale: Float[Tensor, ""] | float,
    positives: Bool[Tensor, "pair pair"] | None = None,
) -> Float[Tensor, ""]:
    """Rhythm-level loss of MELP: CLIP's symmetric InfoNCE.

    Args:
        ecg: vectors of unit length.
        text: vectors of unit length.
        scale: inverse temperature.
        positives: pairs that match beside the diagonal (`same_report`), or None.
    """
    with without_autocast(ecg.device):
        logits = scale * ecg.float() @ text.float().t()
        return symmetric_cross_entropy(logits, positives)
