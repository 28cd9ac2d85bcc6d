"""Barlow Twins: the correlations between two views' features are to be those of the identity."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def barlow_twins_loss(
    first: Float[Tensor, "batch dim"], second: Float[Tensor, "batch dim"], redundancy: float
) -> Float[Tensor, ""]:
    """Sum of (1 - C_ii)^2 plus `redundancy` times the sum of the other C_ij^2 (Zbontar et al. 2021, eq. 1).

    C_ij is the correlation over the batch of feature i of one view and feature j of the other (eq. 2).

    Args:
        first, second: projected views of the same recordings.
        redundancy: weight of what is off the diagonal (lambda).
    """
    with torch.autocast(first.device.type, enabled=False):
        views = (first.float(), second.float())
        one, other = (F.normalize(view - view.mean(0), dim=0) for view in views)
        correlation = one.t() @ other
        diagonal = correlation.diagonal()
        others = correlation.square().sum() - diagonal.square().sum()
        return (1 - diagonal).square().sum() + redundancy * others
