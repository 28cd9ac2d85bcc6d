"""The base class of ECG encoders."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
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

    def prepare(self, ecg: Float[Tensor, "batch lead time"]) -> tuple[Tensor, ...]:
        """Return what `read` needs of ECGs; it does not depend on weights, so that encoders can share it."""
        return (ecg,)

    def read(self, *prepared: Tensor) -> list[Float[Tensor, "batch channel place"]]:
        """Return the outputs of `stages` for what `prepare` returns."""
        return self.stages(*prepared)

    def memory(
        self, stages: Sequence[Float[Tensor, "batch channel place"]]
    ) -> Float[Tensor, "batch place dim"]:
        """Return the vectors that queries such as statements attend to, of the outputs of `stages`.

        By default, these are the frames.
        """
        return stages[-1].transpose(1, 2)

    def over_frames(
        self, ecg: Float[Tensor, "batch lead time"], weights: Float[Tensor, "batch place query"]
    ) -> Float[Tensor, "batch frame query"]:
        """Return weights over the memory of ECGs as weights over their frames; the sums are the same."""
        return weights

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
