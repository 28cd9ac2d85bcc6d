"""The encoders of CLOCS: a small CNN, and the wrapper that applies an encoder to each lead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from melp.errors import MelpError
from melp.nn.base import Encoder
from melp.nn.batch_norm import BatchNorm1d


@dataclass(frozen=True)
class SmallCNNConfig:
    """Sizes of a `SmallCNN`; the defaults are the published ones."""

    leads: int = 12
    """Input leads (1 in the published network)."""
    channels: tuple[int, ...] = (4, 16, 32)
    """Channels of each convolution."""
    kernel: int = 7
    """Kernel of each convolution."""
    stride: int = 3
    """Stride of each convolution; max-pooling halves the rate further."""
    dropout: float = 0.1
    """Dropout after each max-pooling."""


SMALL_CNN_PRESETS: dict[str, SmallCNNConfig] = {"cnn": SmallCNNConfig()}
"""The published size."""


class SmallCNN(Encoder):
    """Convolutions, each with batch norm, ReLU, max-pooling and dropout (CLOCS, Kiyasseh et al. 2021)."""

    needs: ClassVar[str] = "388 samples or more"

    def __init__(self, config: SmallCNNConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or SmallCNNConfig()
        self.dim = config.channels[-1]
        layers: list[nn.Module] = []
        for before, after in zip((config.leads, *config.channels), config.channels, strict=False):
            conv = nn.Conv1d(before, after, config.kernel, config.stride, bias=False)
            layers += [conv, BatchNorm1d(after), nn.ReLU(), nn.MaxPool1d(2), nn.Dropout(config.dropout)]
        self.layers = nn.Sequential(*layers)

    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch frame dim"]:
        """Return a frame for each 216 samples (in the published size).

        Raises:
            MelpError: the recordings are too short for one frame.
        """
        least = 1
        for _ in self.config.channels:
            least = self.config.kernel + self.config.stride * (2 * least - 1)
        if ecg.shape[-1] < least:
            raise MelpError(f"cnn: recordings of {ecg.shape[-1]} samples found, wanted {least} or more")
        frames: Tensor = self.layers(ecg).transpose(1, 2)
        return frames


@dataclass(frozen=True)
class LeadByLeadConfig:
    """Size of a `LeadByLead`."""

    leads: int = 12
    """Input leads."""


class LeadByLead(Encoder):
    """Applies an encoder of single leads to each lead; outputs of all leads are concatenated.

    Args:
        lead_encoder: encoder of single leads.
        leads: number of leads.
    """

    def __init__(self, lead_encoder: Encoder, leads: int) -> None:
        super().__init__()
        self.lead_encoder, self.leads, self.dim = lead_encoder, leads, leads * lead_encoder.dim
        self.config = LeadByLeadConfig(leads)

    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch frame dim"]:
        """Return frames, each the concatenation over leads."""
        frames = self.lead_encoder(ecg.flatten(0, 1)[:, None]).unflatten(0, (-1, self.leads))
        return frames.transpose(1, 2).flatten(2)

    def embed(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """Return the concatenated vectors of all leads."""
        return self.lead_encoder.embed(ecg.flatten(0, 1)[:, None]).unflatten(0, (-1, self.leads)).flatten(1)

    def stages(self, ecg: Float[Tensor, "batch lead time"]) -> list[Float[Tensor, "batch channel place"]]:
        """Return the outputs of each stage, concatenated over leads."""
        outputs = self.lead_encoder.stages(ecg.flatten(0, 1)[:, None])
        return [output.unflatten(0, (-1, self.leads)).flatten(1, 2) for output in outputs]
