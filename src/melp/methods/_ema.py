"""Exponential moving averages of networks: BYOL's target, MoCo's momentum encoder."""

from __future__ import annotations

import copy
import math

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn


class MovingAverage(nn.Module):
    """A copy of a network whose weights are an exponential moving average of the network's.

    The copy has no gradient. Its batch norm statistics are its own, from the batches that it is run on.

    Args:
        source: the network, which is a submodule elsewhere.
    """

    def __init__(self, source: nn.Module) -> None:
        super().__init__()
        # In a tuple, so that it does not become a submodule of this one.
        self._source = (source,)
        self.network = copy.deepcopy(source).requires_grad_(False)

    @torch.no_grad()
    def reset(self) -> None:
        """Copy all weights of the source."""
        self.network.load_state_dict(self._source[0].state_dict())

    @torch.no_grad()
    def update(self, momentum: float) -> None:
        """Set each weight to `momentum * weight + (1 - momentum) * source`."""
        for weight, source in zip(self.network.parameters(), self._source[0].parameters(), strict=True):
            weight.lerp_(source, 1 - momentum)

    @torch.no_grad()
    def forward(self, x: Shaped[Tensor, "batch *in"]) -> Shaped[Tensor, "batch *out"]:
        """Return the output of the copy."""
        output: Tensor = self.network(x)
        return output

    @torch.no_grad()
    def embed(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """Return the vectors of recordings, if the network is an encoder."""
        vectors: Tensor = self.network.embed(ecg)  # type: ignore[operator]
        return vectors


def rising_momentum(first: float, step: int, steps: int) -> float:
    """Return a momentum that rises from `first` to 1 by half a cosine (BYOL, section 3.3)."""
    return 1 - (1 - first) * (math.cos(math.pi * step / max(steps, 1)) + 1) / 2
