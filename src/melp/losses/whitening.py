"""Whitening: vectors with the same variance in every direction."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from melp.signal.precision import without_autocast


@torch.no_grad()
def whiten(vectors: Float[Tensor, "batch dim"], least: float = 0.01) -> Float[Tensor, "batch dim"]:
    """Return the vectors with mean 0, no correlations and variance 1 over the batch; without gradient.

    ZCA whitening, which changes the vectors as little as possible. A network that predicts whitened vectors
    cannot collapse onto a few directions (Ermolov et al. 2021).

    Args:
        vectors: of the joined batch.
        least: variance regarded as noise, as a share of the mean variance; directions without variance, as
            with fewer vectors than dimensions, keep variance 0.
    """
    with without_autocast(vectors.device):
        vectors = vectors if vectors.dtype == torch.float64 else vectors.float()
        centred = vectors - vectors.mean(0)
        variances, directions = torch.linalg.eigh(centred.t() @ centred / len(centred))
        floor = least * variances.mean() + torch.finfo(variances.dtype).tiny
        return centred @ (directions * (variances.clamp(min=0) + floor).rsqrt()) @ directions.t()
