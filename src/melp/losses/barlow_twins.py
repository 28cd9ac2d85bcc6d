"""Barlow Twins: the cross-correlation matrix of two views' features approaches the identity."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from melp.signal.precision import without_autocast


def barlow_twins_loss(
    first: Float[Tensor, "batch dim"], second: Float[Tensor, "batch dim"], redundancy: float
) -> Float[Tensor, ""]:
    """Return the sum of (1 - C_ii)^2 plus `redundancy` times the sum of C_ij^2 over i != j.

    Zbontar et al. (2021), equation 1. C_ij is the correlation over the batch of feature i of one view and
    feature j of the other (equation 2).

    Args:
        first, second: projected views of the same recordings.
        redundancy: weight of the off-diagonal entries (lambda).
    """
    with without_autocast(first.device):
        first, second = first.float(), second.float()
        first, second = (F.normalize(view - view.mean(0), dim=0) for view in (first, second))
        correlation = first.t() @ second
        diagonal = correlation.diagonal()
        off_diagonal = correlation.square().sum() - diagonal.square().sum()
        return (1 - diagonal).square().sum() + redundancy * off_diagonal
