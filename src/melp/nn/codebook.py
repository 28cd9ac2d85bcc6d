"""An inventory of unit vectors that follow what is assigned to them."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from melp.losses.gather import gather, sum_over_ranks


class _Assigned(NamedTuple):
    """What a step assigned, over all processes."""

    counts: Float[Tensor, " code"]
    sums: Float[Tensor, "code dim"]
    drawn: Float[Tensor, "word dim"]


class Codebook(nn.Module):
    """Vector quantisation on the unit sphere, whose codes are moving averages (VQ-VAE, as in HeartLang).

    Van den Oord et al. (2017), appendix A.1, with vectors of unit length. No gradient reaches the codes. In
    training, `note` takes down what a step assigned, and `follow` moves the codes after it: a code keeps
    `decay` of itself and takes the rest from the mean direction of its vectors.

    A code that hardly anything is assigned to (less than `dead` of the mean use, as a moving average) takes
    the place of a vector of the batch, drawn at random. At the start all codes are such.

    Statistics are those of all processes, where the codes stay the same.

    Args:
        codes: how many.
        dim: width.
        decay: of both moving averages.
        dead: share of the mean use.
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
        """Numbers of the codes with the greatest cosine."""
        return (vectors @ self.codes.t()).argmax(-1)

    @torch.no_grad()
    def accumulate(
        self,
        vectors: Float[Tensor, "word dim"],
        chosen: Int[Tensor, " word"],
        draw: Float[Tensor, " word"],
    ) -> Float[Tensor, " code"]:
        """Take down what was assigned in a step.

        Args:
            vectors: of unit length.
            chosen: their codes, as from `nearest`.
            draw: a random number each; the vectors with the least ones take the place of dead codes.

        Returns:
            How many vectors of all processes each code has.
        """
        counts = torch.zeros_like(self.usage).index_add_(0, chosen, torch.ones_like(vectors[:, 0]))
        sums = torch.zeros_like(self.codes).index_add_(0, chosen, vectors)
        dead = int(self._dead().sum())
        drawn = vectors[:0]
        if dead:
            least = draw.argsort()[:dead]
            # Each process gives what may be needed of its own; the least of them all are taken.
            order = gather(draw[least]).argsort()[:dead]
            drawn = gather(vectors[least])[order]
        self._assigned = _Assigned(sum_over_ranks(counts), sum_over_ranks(sums), drawn)
        return self._assigned.counts

    @torch.no_grad()
    def update(self) -> None:
        """Move the codes after what was taken down, and revive dead ones."""
        if self._assigned is None:
            return
        counts, sums, drawn = self._assigned
        self._assigned = None
        dead, used = self._dead(), (counts > 0)[:, None]
        moved = F.normalize(torch.lerp(F.normalize(sums, dim=1), self.codes, self.decay), dim=1)
        self.codes.copy_(torch.where(used, moved, self.codes))
        self.usage.lerp_(counts, 1 - self.decay)
        # Where there are fewer vectors than dead codes, the last of these wait for the next step.
        revived = dead.nonzero()[: len(drawn), 0]
        self.codes[revived] = drawn
        self.usage[revived] = self.usage.mean()

    def _dead(self) -> Bool[Tensor, " code"]:
        return self.usage <= self.dead * self.usage.mean()
