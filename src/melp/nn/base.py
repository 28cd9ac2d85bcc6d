"""The base class of ECG encoders."""

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
        config: its sizes, including `leads`.
        needs: requirements on a recording, shown to users.
    """

    needs: ClassVar[str] = "any length"
    dim: int
    config: Any

    @abstractmethod
    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch frame dim"]:
        """Return the frames; frame i of n covers the i-th n-th of the recording."""

    def embed(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """Return one vector per recording: the mean frame by default."""
        return self(ecg).mean(1)

    def stages(self, ecg: Float[Tensor, "batch lead time"]) -> list[Float[Tensor, "batch channel place"]]:
        """Return the outputs of all stages, first to last; by default, of the last stage only."""
        return [self(ecg).transpose(1, 2)]

    @torch.no_grad()
    def frame_count(self, samples: int) -> int:
        """Return the number of frames of a recording of `samples`."""
        training = self.training
        weight = next(self.parameters())
        try:
            # In training mode, the zeros would change the statistics of batch norms.
            frames = self.eval()(torch.zeros(1, self.config.leads, samples, device=weight.device))
        finally:
            self.train(training)
        return int(frames.shape[1])
