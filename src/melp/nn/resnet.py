"""The 1-D ResNets of MERL, and a narrow one for recordings at 100 Hz."""

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
    """Channels of each stage; with bottlenecks, its output has four times as many."""
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
    """Dropout before the last convolution of a block."""
    bottleneck: bool = False
    """Whether blocks have three convolutions, the first and last with kernel 1."""

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
    "resnet34": ResNet1dConfig(blocks=(3, 4, 6, 3)),
    "resnet50": ResNet1dConfig(blocks=(3, 4, 6, 3), bottleneck=True),
    "resnet101": ResNet1dConfig(blocks=(3, 4, 23, 3), bottleneck=True),
    "resnet18_narrow": ResNet1dConfig(widths=(32, 64, 128, 256), kernel=7, stem_kernel=15),
}
"""MERL's sizes for 500 Hz; a narrow one with longer kernels (70 ms at 100 Hz), for two CPU cores."""


EXPANSION = 4
"""Ratio of the output channels of a bottleneck to those of its middle convolution."""


def _shortcut(before: int, after: int, stride: int) -> nn.Module:
    """Return the identity, or a 1x1 convolution if the shape changes."""
    if stride == 1 and before == after:
        return nn.Identity()
    return nn.Sequential(nn.Conv1d(before, after, 1, stride, bias=False), BatchNorm1d(after))


class BasicBlock(nn.Module):
    """Two convolutions with batch norm, and a shortcut."""

    expansion = 1

    def __init__(self, before: int, width: int, kernel: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(before, width, kernel, stride, kernel // 2, bias=False)
        self.norm1 = BatchNorm1d(width)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv1d(width, width, kernel, 1, kernel // 2, bias=False)
        self.norm2 = BatchNorm1d(width)
        self.shortcut = _shortcut(before, width, stride)

    def forward(self, x: Float[Tensor, "batch before time"]) -> Float[Tensor, "batch after frame"]:
        y = self.dropout(F.relu(self.norm1(self.conv1(x))))
        return F.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


class BottleneckBlock(nn.Module):
    """Three convolutions with batch norm, the first two narrow, and a shortcut."""

    expansion = EXPANSION

    def __init__(self, before: int, width: int, kernel: int, stride: int, dropout: float) -> None:
        super().__init__()
        after = EXPANSION * width
        self.conv1 = nn.Conv1d(before, width, 1, bias=False)
        self.norm1 = BatchNorm1d(width)
        self.conv2 = nn.Conv1d(width, width, kernel, stride, kernel // 2, bias=False)
        self.norm2 = BatchNorm1d(width)
        self.dropout = nn.Dropout(dropout)
        self.conv3 = nn.Conv1d(width, after, 1, bias=False)
        self.norm3 = BatchNorm1d(after)
        self.shortcut = _shortcut(before, after, stride)

    def forward(self, x: Float[Tensor, "batch before time"]) -> Float[Tensor, "batch after frame"]:
        y = F.relu(self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x))))))
        return F.relu(self.norm3(self.conv3(self.dropout(y))) + self.shortcut(x))


class ResNet1d(Encoder):
    """1-D residual network without max-pooling (MERL, Liu et al. 2024)."""

    def __init__(self, config: ResNet1dConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or ResNet1dConfig()
        block = BottleneckBlock if config.bottleneck else BasicBlock
        self.dim = config.widths[-1] * block.expansion
        first, kernel = config.widths[0], config.stem_kernel
        self.stem = nn.Sequential(
            nn.Conv1d(config.leads, first, kernel, config.stem_stride, kernel // 2, bias=False),
            BatchNorm1d(first),
            nn.ReLU(),
        )
        stages, before = [], first
        for width, count, stride in zip(config.widths, config.blocks, config.strides, strict=True):
            blocks = []
            for number in range(count):
                step = stride if number == 0 else 1
                blocks.append(block(before, width, config.kernel, step, config.dropout))
                before = width * block.expansion
            stages.append(nn.Sequential(*blocks))
        self.residual_stages = nn.ModuleList(stages)

    def stages(self, ecg: Float[Tensor, "batch lead time"]) -> list[Float[Tensor, "batch channel place"]]:
        """Return the output of each stage."""
        x, outputs = self.stem(ecg), []
        for stage in self.residual_stages:
            x = stage(x)
            outputs.append(x)
        return outputs

    def conv_features(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch channel frame"]:
        """Return the output of the last stage."""
        return self.stages(ecg)[-1]

    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch frame dim"]:
        """Return the output of the last stage as frames."""
        return self.conv_features(ecg).transpose(1, 2)
