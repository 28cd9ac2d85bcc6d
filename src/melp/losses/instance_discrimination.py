"""Instance discrimination: different recordings should have different vectors (CRT)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from melp.signal.precision import without_autocast


def instance_discrimination(
    before: Float[Tensor, "batch dim"], after: Float[Tensor, "batch dim"]
) -> Float[Tensor, ""]:
    """Return the similarity of different recordings: 1 + log of the mean of exp(cos(b_i, a_j)) over i != j.

    Zhang et al. (2023), instance discrimination constraint. From 0 (all opposite) to 2 (all the same); 0 for
    a single recording.

    Args:
        before: vector of each recording before the transformer.
        after: vector of each recording after it.
    """
    with without_autocast(before.device):
        cosines = F.normalize(before.float(), dim=1) @ F.normalize(after.float(), dim=1).t()
        others = ~torch.eye(len(cosines), dtype=torch.bool, device=cosines.device)
        if len(cosines) < 2:
            return 0 * cosines.sum()
        return 1 + cosines[others].exp().mean().log()
