"""Negative cosine similarity of prediction and target (BYOL, SimSiam)."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from melp.signal.precision import without_autocast


def negative_cosine(
    prediction: Float[Tensor, "batch dim"], target: Float[Tensor, "batch dim"]
) -> Float[Tensor, ""]:
    """Return the mean of -cos(p, z) over the batch, from 1 to -1; no gradient reaches the target.

    Chen and He (2021), equation 1. 2 + 2 times this is BYOL's squared distance of unit vectors (Grill et al.
    2020, equation 2).
    """
    with without_autocast(prediction.device):
        return -F.cosine_similarity(prediction.float(), target.detach().float(), dim=1).mean()
