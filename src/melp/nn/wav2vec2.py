"""The wav2vec 2.0 style ECG encoder of ECG-FM and MELP."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from melp.nn.base import Encoder
from melp.nn.transformer import Transformer, TransformerBlock
from melp.signal.precision import without_autocast


@dataclass(frozen=True)
class Wav2Vec2Config:
    """Sizes of a `Wav2Vec2Encoder`; the defaults are MELP's ("small")."""

    leads: int = 12
    """Input leads."""
    dim: int = 768
    """Width of the transformer."""
    heads: int = 12
    """Attention heads."""
    layers: int = 8
    """Transformer layers."""
    feedforward: int = 3072
    """Hidden width of a transformer layer."""
    conv_channels: int = 256
    """Channels of each convolution."""
    conv_layers: int = 4
    """Strided convolutions; a frame covers `conv_stride ** conv_layers` samples."""
    conv_kernel: int = 2
    """Kernel of each convolution."""
    conv_stride: int = 2
    """Stride of each convolution."""
    position_kernel: int = 128
    """Kernel of the positional convolution, in frames."""
    position_groups: int = 16
    """Groups of the positional convolution."""
    dropout: float = 0.1
    """Dropout after the projection, the positions, attention and feed-forward parts."""
    attention_dropout: float = 0.1
    """Dropout of the attention weights."""
    conv_gradient: float = 0.1
    """Factor on the gradient of the convolutions."""


WAV2VEC2_PRESETS: dict[str, Wav2Vec2Config] = {
    "tiny": Wav2Vec2Config(
        dim=64, heads=4, layers=2, feedforward=128, conv_channels=64, position_kernel=16, position_groups=8
    ),
    "small": Wav2Vec2Config(),
    "base": Wav2Vec2Config(layers=12),
    "large": Wav2Vec2Config(dim=1024, heads=16, layers=24, feedforward=4096),
}
"""Published sizes, and a tiny one for tests and laptops."""


class _ScaleGradient(torch.autograd.Function):
    """Identity whose gradient is multiplied by a factor."""

    @staticmethod
    def forward(ctx, x: Tensor, factor: float) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.factor = factor
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[no-untyped-def]
        return gradient * ctx.factor, None


class ConvStack(nn.Module):
    """Strided convolutions without bias, each with GELU; group norm per channel, in float32, after the first.

    With kernel = stride = 2 and four layers, frames are 16 samples (32 ms at 500 Hz) without overlap.
    """

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__()
        widths = [config.leads] + [config.conv_channels] * config.conv_layers
        convolutions = [
            nn.Conv1d(before, after, config.conv_kernel, config.conv_stride, bias=False)
            for before, after in pairwise(widths)
        ]
        for conv in convolutions:
            nn.init.kaiming_normal_(conv.weight)
        self.layers = nn.ModuleList(convolutions)
        self.norm = nn.GroupNorm(config.conv_channels, config.conv_channels)

    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch channel frame"]:
        x = self.layers[0](ecg)
        # Statistics over the whole recording in half precision would lose small deflections.
        with without_autocast(x.device):
            norm = F.group_norm(
                x.float(),
                self.norm.num_groups,
                self.norm.weight.float(),
                self.norm.bias.float(),
                self.norm.eps,
            )
        x = F.gelu(norm.to(x.dtype))
        for conv in self.layers[1:]:
            x = F.gelu(conv(x))
        return x


class PositionalConv(nn.Module):
    """Relative positions: a grouped convolution with weight norm over the frames, then GELU."""

    def __init__(self, dim: int, kernel: int, groups: int) -> None:
        super().__init__()
        conv = nn.Conv1d(dim, dim, kernel, padding=kernel // 2, groups=groups)
        nn.init.normal_(conv.weight, std=(4 / (kernel * dim)) ** 0.5)
        nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
        self.conv = weight_norm(conv, dim=2)

    def forward(self, x: Float[Tensor, "batch frame dim"]) -> Float[Tensor, "batch frame dim"]:
        # An even kernel gives one frame too many.
        return F.gelu(self.conv(x.transpose(1, 2))[..., : x.shape[1]]).transpose(1, 2)


class Wav2Vec2Encoder(Encoder):
    """Convolutions, positional convolution and a post-norm transformer.

    wav2vec 2.0 (Baevski et al. 2020) as adapted to ECGs by fairseq-signals (Oh et al. 2022) and used by
    ECG-FM and MELP, without masking, quantiser and layer drop.

    Differences: the published module also contains what only self-supervised pretraining needs (mask vector,
    quantiser, two projections), which gets no gradient in MELP.
    """

    needs: ClassVar[str] = "16 samples or more"

    def __init__(self, config: Wav2Vec2Config | None = None) -> None:
        super().__init__()
        self.config = config = config or Wav2Vec2Config()
        self.dim = config.dim
        self.conv_stack = ConvStack(config)
        self.conv_norm = nn.LayerNorm(config.conv_channels)
        self.projection = nn.Linear(config.conv_channels, config.dim)
        self.positions = PositionalConv(config.dim, config.position_kernel, config.position_groups)
        self.norm = nn.LayerNorm(config.dim)
        self.dropout = nn.Dropout(config.dropout)
        sizes = (config.dim, config.heads, config.feedforward)
        dropouts = (config.dropout, config.attention_dropout, 0.0)
        self.layers = Transformer(
            TransformerBlock(*sizes, *dropouts, norm_first=False) for _ in range(config.layers)
        )

    def conv_features(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch channel frame"]:
        """Return the output of the convolutions, whose gradient is scaled by `conv_gradient`."""
        return _ScaleGradient.apply(self.conv_stack(ecg), self.config.conv_gradient)

    def project(self, features: Float[Tensor, "batch channel frame"]) -> Float[Tensor, "batch frame dim"]:
        """Normalise the convolution features and project them to the width of the transformer."""
        return self.dropout(self.projection(self.conv_norm(features.transpose(1, 2))))

    def contextualise(self, x: Float[Tensor, "batch frame dim"]) -> Float[Tensor, "batch frame dim"]:
        """Add positions to the output of `project` and run the transformer."""
        return self.layers(self.dropout(self.norm(x + self.positions(x))))

    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch frame dim"]:
        """Return the frames of preprocessed ECGs of at least 16 samples."""
        return self.contextualise(self.project(self.conv_features(ecg)))

    def frame_count(self, samples: int) -> int:
        """Return the number of frames of a recording of `samples`."""
        for _ in range(self.config.conv_layers):
            samples = (samples - self.config.conv_kernel) // self.config.conv_stride + 1
        return samples
