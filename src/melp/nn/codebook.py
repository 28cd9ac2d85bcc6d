"""Vector quantisation with a codebook of unit vectors, updated by moving averages."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from melp.losses.gather import gather, sum_over_ranks


class _Assigned(NamedTuple):
    """Vectors assigned to codes in a step, over all processes."""

    counts: Float[Tensor, " code"]
    sums: Float[Tensor, "code dim"]
    replacements: Float[Tensor, "word dim"]


class Codebook(nn.Module):
    """Vector quantisation on the unit sphere with an exponential moving average (VQ-VAE, as in HeartLang).

    Van den Oord et al. (2017), appendix A.1, with vectors of unit length. The codes get no gradient. In
    training, `accumulate` records the assignments of a step and `update` moves each code: `decay` times the
    code plus (1 - `decay`) times the mean direction of its vectors, normalised.

    A dead code, whose use (a moving average) is at most `dead` times the mean use, is replaced by a random
    vector of the batch. At the start all codes are dead.

    Statistics are those of all processes, so the codes are the same in each.

    Args:
        codes: number of codes.
        dim: width of a code.
        decay: of both moving averages.
        dead: share of the mean use at or below which a code is dead.
    """

    codes: Tensor
    usage: Tensor

    def __init__(self, codes: int, dim: int, decay: float, dead: float) -> None:
        super().__init__()
        self.decay, self.dead = decay, dead
        self.register_buffer("codes", F.normalize(torch.randn(codes, dim), dim=1))
        self.register_buffer("usage", torch.zeros(codes))
        self._assigned: _Assigned | None = None

    @torch.no_grad()
    def nearest(self, vectors: Float[Tensor, "*place dim"]) -> Int[Tensor, "*place"]:
        """Return the numbers of the codes with the highest cosine similarity."""
        return (vectors @ self.codes.t()).argmax(-1)

    @torch.no_grad()
    def accumulate(
        self,
        vectors: Float[Tensor, "word dim"],
        chosen: Int[Tensor, " word"],
        draw: Float[Tensor, " word"],
    ) -> Float[Tensor, " code"]:
        """Record the assignments of a step.

        Args:
            vectors: of unit length.
            chosen: their codes, as from `nearest`.
            draw: a random number for each; the vectors with the smallest replace dead codes.

        Returns:
            The number of vectors of each code, over all processes.
        """
        counts = torch.zeros_like(self.usage).index_add_(0, chosen, torch.ones_like(vectors[:, 0]))
        sums = torch.zeros_like(self.codes).index_add_(0, chosen, vectors)
        dead = int(self._dead().sum())
        replacements = vectors[:0]
        if dead:
            # Each process offers as many vectors as may be needed.
            smallest = draw.argsort()[:dead]
            order = gather(draw[smallest]).argsort()[:dead]
            replacements = gather(vectors[smallest])[order]
        self._assigned = _Assigned(sum_over_ranks(counts), sum_over_ranks(sums), replacements)
        return self._assigned.counts

    @torch.no_grad()
    def update(self) -> None:
        """Move the codes towards their vectors and replace dead codes."""
        if self._assigned is None:
            return
        counts, sums, replacements = self._assigned
        self._assigned = None
        dead, used = self._dead(), (counts > 0)[:, None]
        moved = F.normalize(torch.lerp(F.normalize(sums, dim=1), self.codes, self.decay), dim=1)
        self.codes.copy_(torch.where(used, moved, self.codes))
        self.usage.lerp_(counts, 1 - self.decay)
        # With fewer vectors than dead codes, the remaining codes are replaced in a later step.
        replaced = dead.nonzero()[: len(replacements), 0]
        self.codes[replaced] = replacements
        self.usage[replaced] = self.usage.mean()

    def _dead(self) -> Bool[Tensor, " code"]:
        return self.usage <= self.dead * self.usage.mean()
