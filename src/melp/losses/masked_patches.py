"""Squared error of patches that were hidden."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

_LEAST_VARIANCE = 1e-6


def masked_patch_loss(
    drawn: Float[Tensor, "batch lead patch sample"],
    patches: Float[Tensor, "batch lead patch sample"],
    hidden: Int[Tensor, "batch lead hidden"],
    normalised: bool = True,
) -> Float[Tensor, " batch"]:
    """Mean squared error over the hidden patches of each record (He et al. 2022, as in ST-MEM).

    Args:
        drawn: what a decoder made of every patch.
        patches: the truth.
        hidden: numbers of the patches that count.
        normalised: whether a target patch has its mean taken away and is divided by its deviation.
    """
    with torch.autocast(drawn.device.type, enabled=False):
        target = patches.float()
        if normalised:
            variance, mean = torch.var_mean(target, dim=-1, keepdim=True)
            target = (target - mean) / (variance + _LEAST_VARIANCE).sqrt()
        error = (drawn.float() - target).square().mean(-1)
        return error.gather(2, hidden).mean((1, 2))
