"""A network that follows another slowly: BYOL's target, MoCo's momentum encoder."""

from __future__ import annotations

import copy
import math

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn


class MovingAverage(nn.Module):
    """A copy of a network whose weights are the moving average of the network's, and that has no gradient.

    Batch norm statistics are the copy's own: it is run on batches as the network is.

    Args:
        source: what is followed; it stays where it is, a submodule of another.
    """

    def __init__(self, source: nn.Module) -> None:
        super().__init__()
        # In a tuple, it is no submodule of this one.
        self._source = (source,)
        self.network = copy.deepcopy(source).requires_grad_(False)

    @torch.no_grad()
    def reset(self) -> None:
        """Become the same as the source, which was given other weights."""
        self.network.load_state_dict(self._source[0].state_dict())

    @torch.no_grad()
    def follow(self, momentum: float) -> None:
        """Keep `momentum` of each weight, and take the rest from the source."""
        for mine, theirs in zip(self.network.parameters(), self._source[0].parameters(), strict=True):
            mine.lerp_(theirs, 1 - momentum)

    @torch.no_grad()
    def forward(self, x: Shaped[Tensor, "batch *in"]) -> Shaped[Tensor, "batch *out"]:
        """The copy's output."""
        output: Tensor = self.network(x)
        return output

    @torch.no_grad()
    def embed(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """The copy's vectors of recordings, where it is an encoder's."""
        vectors: Tensor = self.network.embed(ecg)  # type: ignore[operator]
        return vectors


def rising_momentum(first: float, step: int, steps: int) -> float:
    """From `first` to 1 at the end of the training, by half a cosine (BYOL, section 3.3)."""
    return 1 - (1 - first) * (math.cos(math.pi * step / max(steps, 1)) + 1) / 2
