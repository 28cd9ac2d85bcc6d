"""Contrast between what was foretold and what came (CPC, TS-TCC)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def temporal_contrast(
    foretold: Float[Tensor, "batch place dim"], coming: Float[Tensor, "batch place dim"]
) -> Float[Tensor, ""]:
    """Cross entropy of <foretold, frame> over the batch's frames, mean over places and records.

    Eldele et al. (2021), equations 2 and 3, after Oord et al. (2018).

    Args:
        foretold: by each record's context, for each place ahead.
        coming: the frames that stood there.
    """
    with torch.autocast(foretold.device.type, enabled=False):
        logits = torch.einsum("ikd,jkd->kij", foretold.float(), coming.float())
        own = torch.arange(logits.shape[1], device=logits.device).expand(logits.shape[:2])
        return F.cross_entropy(logits.flatten(0, 1), own.flatten())
