"""Attention of statements over time: over the beats, and through the beats over the encoder's frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from melp.errors import MelpError
from melp.losses.local_alignment import local_attention

__all__ = ["shading", "statement_relevance"]

_PARTS = ("beat_pooler", "beat_vectors", "embed_statements", "local")


@torch.no_grad()
def statement_relevance(
    method: Any, ecg: Float[Tensor, "lead time"], statements: Sequence[str]
) -> Float[Tensor, "statement frame"]:
    """Return the attention of each statement over the frames of the encoder; it sums to 1 over the frames.

    A statement attends to the beat queries as in MELP's local loss (paper, beat level), and each beat query
    attends to the frames as in the attention pooler; the result is the product of both. It shows where the
    vectors that the statement is compared with come from, but does not explain them: a frame also depends on
    its neighbours.

    Args:
        method: MELP in evaluation mode.
        ecg: a preprocessed ECG.
        statements: the statements of one report.

    Raises:
        MelpError: the method has no beats, or was trained without the local loss.
    """
    missing = [name for name in _PARTS if not hasattr(method, name)]
    if missing:
        raise MelpError(f"attention: {type(method).__name__} has no {missing[0]}, wanted a method with beats")
    if not method.config.local_weight:
        raise MelpError("attention: method.local_weight is 0, wanted a model that was trained to align beats")
    if not statements:
        return ecg.new_zeros(0, method.encoder(ecg[None]).shape[1])
    over_frames = method.beat_pooler.weights(method.encoder(ecg[None]))[0]
    vectors = method.embed_statements(list(statements))
    owner = torch.zeros(len(vectors), dtype=torch.int64, device=vectors.device)
    over_beats = local_attention(method.beat_vectors(ecg[None]), vectors, owner, method.local)
    relevance: Tensor = over_beats @ over_frames.float()
    return relevance


def shading(
    relevance: Float[np.ndarray, "statement frame"], full: float = 2.0
) -> Float[np.ndarray, "statement frame"]:
    """Return relevance as a depth of shading: 0 up to the uniform share, 1 at `full` times that share.

    If the peak of a statement is above `full` shares, the depth is 1 at the peak. Uniform attention is not
    shaded.
    """
    shares = relevance * relevance.shape[1]
    peak = np.maximum(shares.max(axis=1, keepdims=True), full)
    return np.asarray(np.clip((shares - 1) / (peak - 1), 0, 1))
