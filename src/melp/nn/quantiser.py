"""Product quantisation with Gumbel noise."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from melp.signal.precision import at_least_single, without_autocast


class GumbelQuantiser(nn.Module):
    """Replaces each frame by the concatenation of one entry of each codebook (wav2vec 2.0, section 2).

    The entry with the highest logit is taken, in training with Gumbel noise; the gradient is that of the
    softmax (straight-through estimator).

    Args:
        source_dim: width of the frames.
        dim: width of a quantised frame, divided evenly among the codebooks.
        groups: number of codebooks.
        entries: entries of each codebook.
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
        """Quantise frames.

        Args:
            frames: frames to quantise.
            temperature: of the softmax of the gradient.
            noise: Gumbel noise; None selects the most probable entry.
        """
        # In half precision, rounding would decide between entries.
        with without_autocast(frames.device):
            logits = self.logits(at_least_single(frames)).unflatten(-1, (self.groups, self.entries))
            soft = ((logits if noise is None else logits + noise) / temperature).softmax(-1)
            entries = soft.argmax(-1)
            hard = F.one_hot(entries, self.entries).to(soft.dtype)
            chosen = hard - soft.detach() + soft
            vectors = torch.einsum("btge,ged->btgd", chosen, self.codebooks).flatten(2)
        return Quantised(vectors, entries, logits.softmax(-1))


class Quantised(NamedTuple):
    """Quantised frames."""

    vectors: Float[Tensor, "batch frame dim"]
    """Concatenated entries."""
    entries: Int[Tensor, "batch frame group"]
    """Numbers of the entries."""
    probabilities: Float[Tensor, "batch frame group entry"]
    """Probability of every entry, without noise."""
