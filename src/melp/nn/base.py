"""What every ECG encoder has in common."""

from __future__ import annotations

from abc import abstractmethod

from jaxtyping import Float
from torch import Tensor, nn


class Encoder(nn.Module):
    """Turns ECGs into a sequence of frames.

    Attributes:
        dim: width of a frame.
    """

    dim: int

    @abstractmethod
    def conv_features(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch channel frame"]:
        """Output of the convolutions alone."""

    @abstractmethod
    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch frame dim"]:
        """Frames of the whole encoder; frame i of n covers the i-th n-th of the recording."""

    def stages(self, ecg: Float[Tensor, "batch lead time"]) -> list[Float[Tensor, "batch channel place"]]:
        """Outputs on the way to the frames, first to last: the last alone unless there are stages."""
        return [self(ecg).transpose(1, 2)]
