"""InfoNCE: each query is matched with its own key among those of the batch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from melp.signal.precision import without_autocast


def info_nce(
    queries: Float[Tensor, "batch dim"], keys: Float[Tensor, "batch dim"], temperature: float
) -> Float[Tensor, ""]:
    """Return the cross entropy of cosines / temperature; the positive is the key of the same row.

    Oord et al. (2018). With keys of a momentum encoder, this times 2 * temperature is the loss of MoCo v3
    (Chen et al. 2021).
    """
    with without_autocast(queries.device):
        logits = F.normalize(queries.float(), dim=1) @ F.normalize(keys.float(), dim=1).t() / temperature
        return F.cross_entropy(logits, torch.arange(len(logits), device=logits.device))
