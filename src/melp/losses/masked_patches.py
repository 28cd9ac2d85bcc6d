"""Squared error of reconstructed masked patches."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from melp.signal.precision import without_autocast

_LEAST_VARIANCE = 1e-6


def masked_patch_loss(
    reconstruction: Float[Tensor, "batch lead patch sample"],
    patches: Float[Tensor, "batch lead patch sample"],
    masked: Int[Tensor, "batch lead masked"],
    normalised: bool = True,
) -> Float[Tensor, " batch"]:
    """Return the mean squared error over the masked patches of each record (He et al. 2022, ST-MEM).

    Args:
        reconstruction: decoder output for every patch.
        patches: patches of the ECG.
        masked: numbers of the masked patches.
        normalised: whether each target patch is standardised (minus mean, over standard deviation).
    """
    with without_autocast(reconstruction.device):
        target = patches.float()
        if normalised:
            variance, mean = torch.var_mean(target, dim=-1, keepdim=True)
            target = (target - mean) / (variance + _LEAST_VARIANCE).sqrt()
        error = (reconstruction.float() - target).square().mean(-1)
        return error.gather(2, masked).mean((1, 2))
