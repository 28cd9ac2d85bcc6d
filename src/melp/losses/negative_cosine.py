"""Negative cosine: a prediction is to point where its target does (BYOL, SimSiam)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def negative_cosine(
    prediction: Float[Tensor, "batch dim"], target: Float[Tensor, "batch dim"]
) -> Float[Tensor, ""]:
    """Mean of -cos(p, z) over the batch, from 1 to -1; no gradient reaches the target.

    Chen and He (2021), equation 1. BYOL's squared distance of unit vectors is 2 + 2 times this (Grill et al.
    2020, equation 2).
    """
    with torch.autocast(prediction.device.type, enabled=False):
        return -F.cosine_similarity(prediction.float(), target.detach().float(), dim=1).mean()
