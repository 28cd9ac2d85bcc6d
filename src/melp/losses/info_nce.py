"""InfoNCE: each query finds its own key among the batch's."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def info_nce(
    queries: Float[Tensor, "batch dim"], keys: Float[Tensor, "batch dim"], temperature: float
) -> Float[Tensor, ""]:
    """Cross entropy of cosines / temperature, the key of the same row being the right one.

    Oord et al. (2018); with keys of a momentum encoder the contrast of MoCo v3 (Chen et al. 2021), which is
    this times 2 temperature.
    """
    with torch.autocast(queries.device.type, enabled=False):
        logits = F.normalize(queries.float(), dim=1) @ F.normalize(keys.float(), dim=1).t() / temperature
        return F.cross_entropy(logits, torch.arange(len(logits), device=logits.device))
