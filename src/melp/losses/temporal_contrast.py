"""Contrastive loss between predicted and actual future frames (CPC, TS-TCC)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from melp.signal.precision import without_autocast


def temporal_contrast(
    prediction: Float[Tensor, "batch place dim"], target: Float[Tensor, "batch place dim"]
) -> Float[Tensor, ""]:
    """Return the cross entropy of <prediction, frame> over the batch's frames, mean over places and records.

    Eldele et al. (2021), equations 2 and 3, after Oord et al. (2018).

    Args:
        prediction: of each record, for each future place.
        target: the frames at these places.
    """
    with without_autocast(prediction.device):
        logits = torch.einsum("ikd,jkd->kij", prediction.float(), target.float())
        own = torch.arange(logits.shape[1], device=logits.device).expand(logits.shape[:2])
        return F.cross_entropy(logits.flatten(0, 1), own.flatten())
