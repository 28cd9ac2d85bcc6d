"""Whitening: vectors whose directions all count the same."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


@torch.no_grad()
def whiten(vectors: Float[Tensor, "batch dim"], least: float = 0.01) -> Float[Tensor, "batch dim"]:
    """Vectors without mean and correlations, each direction with variance 1 over the batch; no gradient.

    ZCA whitening: of all such, those nearest to the vectors. Where all vectors are to be predicted, no
    direction in which they differ can be given up without a loss (Ermolov et al. 2021).

    Args:
        vectors: of the joined batch.
        least: variance that counts as noise, as a share of the mean variance; directions that have none,
            as where the vectors are fewer than their dimensions, stay without.
    """
    with torch.autocast(vectors.device.type, enabled=False):
        vectors = vectors if vectors.dtype == torch.float64 else vectors.float()
        centred = vectors - vectors.mean(0)
        variances, directions = torch.linalg.eigh(centred.t() @ centred / len(centred))
        floor = least * variances.mean() + torch.finfo(variances.dtype).tiny
        return centred @ (directions * (variances.clamp(min=0) + floor).rsqrt()) @ directions.t()
