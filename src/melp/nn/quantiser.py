"""Vectors out of a small inventory: product quantisation with Gumbel noise."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from melp.signal.precision import at_least_single


class GumbelQuantiser(nn.Module):
    """Each frame becomes one entry of each of several codebooks, side by side (wav2vec 2.0, section 2).

    The entry with the greatest logit, in training with Gumbel noise added, is taken; the gradient is that of
    the softmax (straight through).

    Args:
        source_dim: width of the frames.
        dim: width of a quantised frame; each codebook gives its share.
        groups: codebooks.
        entries: of each.
    """

    def __init__(self, source_dim: int, dim: int, groups: int = 2, entries: int = 320) -> None:
        super().__init__()
        self.groups, self.entries = groups, entries
        self.logits = nn.Linear(source_dim, groups * entries)
        nn.init.normal_(self.logits.weight)
        nn.init.zeros_(self.logits.bias)
        self.codebooks = nn.Parameter(torch.rand(groups, entries, dim // groups))

    def forward(
        self,
        frames: Float[Tensor, "batch frame source"],
        temperature: float,
        noise: Float[Tensor, "batch frame group entry"] | None = None,
    ) -> Quantised:
        """Frames made of entries.

        Args:
            frames: what is quantised.
            temperature: of the softmax through which the gradient goes.
            noise: Gumbel noise; None takes the most probable entry.
        """
        # In half precision, an entry would be chosen by rounding.
        with torch.autocast(frames.device.type, enabled=False):
            logits = self.logits(at_least_single(frames)).unflatten(-1, (self.groups, self.entries))
            soft = ((logits if noise is None else logits + noise) / temperature).softmax(-1)
            entries = soft.argmax(-1)
            hard = F.one_hot(entries, self.entries).to(soft.dtype)
            chosen = hard - soft.detach() + soft
            vectors = torch.einsum("btge,ged->btgd", chosen, self.codebooks).flatten(2)
        return Quantised(vectors, entries, logits.softmax(-1))


class Quantised(NamedTuple):
    """What a quantiser made of frames."""

    vectors: Float[Tensor, "batch frame dim"]
    """Entries side by side."""
    entries: Int[Tensor, "batch frame group"]
    """Which they are."""
    probabilities: Float[Tensor, "batch frame group entry"]
    """Of every entry, without noise."""
