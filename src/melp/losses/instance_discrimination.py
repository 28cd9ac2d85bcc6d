"""Instance discrimination: recordings are to be unlike each other (CRT)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def instance_discrimination(
    before: Float[Tensor, "batch dim"], after: Float[Tensor, "batch dim"]
) -> Float[Tensor, ""]:
    """How alike different recordings are: 1 + log of the mean, over pairs of two, of exp(cos(b_i, a_j)).

    Zhang et al. (2023), instance discrimination constraint. From 0, where all are opposite, to 2, where all
    are the same; 0 for a single recording.

    Args:
        before: each recording's vector before the transformer.
        after: behind it.
    """
    with torch.autocast(before.device.type, enabled=False):
        cosines = F.normalize(before.float(), dim=1) @ F.normalize(after.float(), dim=1).t()
        others = ~torch.eye(len(cosines), dtype=torch.bool, device=cosines.device)
        if len(cosines) < 2:
            return 0 * cosines.sum()
        return 1 + cosines[others].exp().mean().log()
