"""Where in time a sentence looks: attention over beats, and through them over the encoder's frames."""

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
    """How much of a statement's attention falls on each frame of the encoder; sums to 1 over the frames.

    A statement attends over the beat queries as in MELP's local loss (paper, beat level), and each beat query
    over the frames as in its attention pooler; this is the product of both. It tells where the vectors that
    the statement is compared with come from, not why: a frame has seen its neighbours.

    Args:
        method: MELP in evaluation mode.
        ecg: preprocessed.
        statements: of one report.

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
    """Relevance as a depth of shading from 0 to 1: blank up to the even share, full at `full` times of it.

    Where a statement's peak is higher than `full` shares, its peak is full. An even spread stays blank, so
    that shading is seen only where there is something to see.
    """
    shares = relevance * relevance.shape[1]
    peak = np.maximum(shares.max(axis=1, keepdims=True), full)
    return np.asarray(np.clip((shares - 1) / (peak - 1), 0, 1))
