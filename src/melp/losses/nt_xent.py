"""NT-Xent: each view is matched with its partner among all views of the batch (SimCLR)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from melp.signal.precision import without_autocast


def nt_xent(
    first: Float[Tensor, "batch dim"], second: Float[Tensor, "batch dim"], temperature: float
) -> Float[Tensor, ""]:
    """Return the normalised temperature-scaled cross entropy (Chen et al. 2020, equation 1) over 2B views.

    For view i with partner j: -log( exp(cos(z_i, z_j) / t) / sum over all k other than i of
    exp(cos(z_i, z_k) / t) ).

    Args:
        first, second: projected views of the same recordings, of any length.
        temperature: t.
    """
    with without_autocast(first.device):
        views = F.normalize(torch.cat([first, second]).float(), dim=1)
        logits = (views @ views.t()) / temperature
        same = torch.eye(len(views), dtype=torch.bool, device=views.device)
        partner = torch.arange(len(views), device=views.device).roll(len(first))
        return F.cross_entropy(logits.masked_fill(same, -torch.inf), partner)
