"""What every ECG encoder has in common."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Encoder(nn.Module):
    """Turns ECGs into a sequence of frames.

    Attributes:
        dim: width of a frame.
        config: its sizes, `leads` among them.
        needs: what it asks of a recording, for people.
    """

    needs: ClassVar[str] = "any length"
    dim: int
    config: Any

    @abstractmethod
    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch frame dim"]:
        """Frames of the whole encoder; frame i of n covers the i-th n-th of the recording."""

    def embed(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """One vector a recording: the mean frame, unless the architecture has its own way to it."""
        return self(ecg).mean(1)

    def stages(self, ecg: Float[Tensor, "batch lead time"]) -> list[Float[Tensor, "batch channel place"]]:
        """Outputs on the way to the frames, first to last: the last alone unless there are stages."""
        return [self(ecg).transpose(1, 2)]

    @torch.no_grad()
    def frame_count(self, samples: int) -> int:
        """How many frames it makes of recordings of `samples`."""
        training = self.training
        weight = next(self.parameters())
        try:
            # Batch norms must not take the silence for data.
            frames = self.eval()(torch.zeros(1, self.config.leads, samples, device=weight.device))
        finally:
            self.train(training)
        return int(frames.shape[1])
