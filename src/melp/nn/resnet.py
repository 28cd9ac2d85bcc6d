"""The 1-D ResNet of MERL, and a narrow one for recordings at 100 Hz."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from melp.errors import MelpError
from melp.nn.base import Encoder
from melp.nn.batch_norm import BatchNorm1d


@dataclass(frozen=True)
class ResNet1dConfig:
    """Sizes of a `ResNet1d`; the defaults are MERL's ResNet-18."""

    leads: int = 12
    """Input leads."""
    widths: tuple[int, ...] = (64, 128, 256, 512)
    """Channels of each stage."""
    blocks: tuple[int, ...] = (2, 2, 2, 2)
    """Blocks of each stage."""
    strides: tuple[int, ...] = (1, 2, 2, 2)
    """Stride of each stage's first block."""
    kernel: int = 3
    """Kernel of the blocks' convolutions (odd)."""
    stem_kernel: int = 7
    """Kernel of the first convolution (odd)."""
    stem_stride: int = 2
    """Stride of the first convolution."""
    dropout: float = 0.0
    """Between the two convolutions of a block."""

    def __post_init__(self) -> None:
        if not len(self.widths) == len(self.blocks) == len(self.strides):
            raise MelpError(
                f"resnet: {len(self.widths)} widths, {len(self.blocks)} blocks and {len(self.strides)} "
                "strides found, wanted as many of each"
            )
        if self.kernel % 2 == 0 or self.stem_kernel % 2 == 0:
            raise MelpError(f"resnet: kernels {self.kernel} and {self.stem_kernel} found, wanted odd ones")


RESNET_PRESETS: dict[str, ResNet1dConfig] = {
    "resnet18": ResNet1dConfig(),
    "resnet18_narrow": ResNet1dConfig(widths=(32, 64, 128, 256), kernel=7, stem_kernel=15),
}
"""MERL's size for 500 Hz; a narrow one with longer kernels (70 ms at 100 Hz), for two CPU cores."""


class BasicBlock(nn.Module):
    """Two convolutions with batch norm, and a shortcut (1x1 convolution where the shape changes)."""

    def __init__(self, before: int, after: int, kernel: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(before, after, kernel, stride, kernel // 2, bias=False)
        self.norm1 = BatchNorm1d(after)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv1d(after, after, kernel, 1, kernel // 2, bias=False)
        self.norm2 = BatchNorm1d(after)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or before != after:
            self.shortcut = nn.Sequential(nn.Conv1d(before, after, 1, stride, bias=False), BatchNorm1d(after))

    def forward(self, x: Float[Tensor, "batch before time"]) -> Float[Tensor, "batch after frame"]:
        y = self.dropout(F.relu(self.norm1(self.conv1(x))))
        return F.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


class ResNet1d(Encoder):
    """Residual network over time, without max-pooling (MERL's ResNet18-1D, Liu et al. 2024)."""

    def __init__(self, config: ResNet1dConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or ResNet1dConfig()
        self.dim = config.widths[-1]
        self.stem = nn.Sequential(
            nn.Conv1d(
                config.leads,
                config.widths[0],
                config.stem_kernel,
                config.stem_stride,
                config.stem_kernel // 2,
                bias=False,
            ),
            BatchNorm1d(config.widths[0]),
            nn.ReLU(),
        )
        before = (config.widths[0], *config.widths)
        self.residual_stages = nn.ModuleList(
            nn.Sequential(
                *(
                    BasicBlock(
                        before[stage] if block == 0 else width,
                        width,
                        config.kernel,
                        config.strides[stage] if block == 0 else 1,
                        config.dropout,
                    )
                    for block in range(config.blocks[stage])
                )
            )
            for stage, width in enumerate(config.widths)
        )

    def stages(self, ecg: Float[Tensor, "batch lead time"]) -> list[Float[Tensor, "batch channel place"]]:
        """Output of each stage."""
        x, outputs = self.stem(ecg), []
        for stage in self.residual_stages:
            x = stage(x)
            outputs.append(x)
        return outputs

    def conv_features(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch channel frame"]:
        """Output of the last stage."""
        return self.stages(ecg)[-1]

    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch frame dim"]:
        """The last stage's output as a sequence of frames."""
        return self.conv_features(ecg).transpose(1, 2)
