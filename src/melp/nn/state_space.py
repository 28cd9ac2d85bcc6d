"""S4D: layers of diagonal state spaces, which reach over the whole recording."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from melp.errors import MelpError
from melp.nn.base import Encoder
from melp.signal.precision import at_least_single, without_autocast


@dataclass(frozen=True)
class StateSpaceConfig:
    """Sizes of a `StateSpaceEncoder`."""

    leads: int = 12
    """Input leads."""
    dim: int = 512
    """Width (512 in Mehari and Strodthoff 2022)."""
    layers: int = 4
    """Layers (4)."""
    states: int = 8
    """Complex states of each channel and direction (8)."""
    stride: int = 1
    """Stride of the first convolution, whose kernel is three times as long (1)."""
    frame: int = 20
    """Places of the last layer whose mean is a frame."""
    dropout: float = 0.2
    """Dropout after the state spaces (0.2)."""

    def __post_init__(self) -> None:
        sizes = ("leads", "dim", "layers", "states", "stride", "frame")
        if wrong := [name for name in sizes if getattr(self, name) < 1]:
            raise MelpError(f"s4d: {wrong[0]} {getattr(self, wrong[0])} found, wanted 1 or more")


STATE_SPACE_PRESETS: dict[str, StateSpaceConfig] = {
    "narrow": StateSpaceConfig(dim=96, stride=4, frame=8),
    "base": StateSpaceConfig(),
}
"""The published size, and a narrow one for two CPU cores; both for 100 Hz."""


class DiagonalStateSpace(nn.Module):
    """Convolves each channel with a kernel as long as the recording, forwards and backwards.

    The kernel is that of a linear state space x' = a x + u, y = 2 Re(c x) with a diagonal a, sampled at steps
    of its own with the input held (S4D-Lin; Gu et al., On the Parameterization and Initialization of
    Diagonal State Space Models, NeurIPS 2022). The convolution is a product of Fourier transforms.

    Args:
        dim: channels.
        states: complex states of each channel and direction.
    """

    def __init__(self, dim: int, states: int) -> None:
        super().__init__()
        self.log_step = nn.Parameter(torch.empty(2, dim, 1).uniform_(math.log(1e-3), math.log(1e-1)))
        self.log_decay = nn.Parameter(torch.full((2, dim, states), math.log(0.5)))
        self.frequency = nn.Parameter(math.pi * torch.arange(states).float().repeat(2, dim, 1))
        self.output = nn.Parameter(torch.randn(2, dim, states, 2) / math.sqrt(2))
        self.skip = nn.Parameter(torch.randn(dim))

    def kernels(self, length: int) -> Float[Tensor, "2 dim length"]:
        """Return the kernels of both directions."""
        a = torch.complex(-self.log_decay.exp(), self.frequency)
        step = self.log_step.exp()
        weight = torch.view_as_complex(self.output) * torch.expm1(step * a) / a
        times = torch.arange(length, device=step.device)
        powers = (step * a)[..., None] * times
        return 2 * torch.einsum("kcs,kcst->kct", weight, powers.exp()).real

    def forward(self, x: Float[Tensor, "batch dim time"]) -> Float[Tensor, "batch dim time"]:
        with without_autocast(x.device):
            x = at_least_single(x)
            time = x.shape[-1]
            ahead, back = self.kernels(time)
            # The backward kernel begins one sample ahead; its negative times are the end of the transform.
            kernel = F.pad(ahead, (0, time)) + F.pad(back.flip(-1), (time, 0))
            spectrum = torch.fft.rfft(x, 2 * time) * torch.fft.rfft(kernel, 2 * time)
            return torch.fft.irfft(spectrum, 2 * time)[..., :time] + self.skip[:, None] * x


class StateSpaceBlock(nn.Module):
    """A state space, a gated mix of the channels, and a shortcut, after a layer norm."""

    def __init__(self, dim: int, states: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.state_space = DiagonalStateSpace(dim, states)
        self.dropout = nn.Dropout(dropout)
        self.mix = nn.Linear(dim, 2 * dim)

    def forward(self, x: Float[Tensor, "batch time dim"]) -> Float[Tensor, "batch time dim"]:
        y = self.state_space(self.norm(x).transpose(1, 2)).transpose(1, 2)
        return x + F.glu(self.mix(self.dropout(F.gelu(y))), dim=-1)


class StateSpaceEncoder(Encoder):
    """Blocks of diagonal state spaces on a recording at 100 Hz.

    Mehari and Strodthoff (Towards quantitative precision for ECG analysis, 2023) found S4 ahead of
    convolutional networks on PTB-XL.
    """

    config: StateSpaceConfig

    def __init__(self, config: StateSpaceConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or StateSpaceConfig()
        self.dim = config.dim
        kernel = 3 * config.stride
        self.stem = nn.Conv1d(config.leads, config.dim, kernel, config.stride, kernel // 2)
        self.blocks = nn.ModuleList(
            StateSpaceBlock(config.dim, config.states, config.dropout) for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(config.dim)

    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch frame dim"]:
        """Return the mean of each `frame` places of the last layer; the last frame may have fewer."""
        x = self.stem(ecg).transpose(1, 2)
        for block in self.blocks:
            x = block(x)
        size = self.config.frame
        return F.avg_pool1d(self.norm(x).transpose(1, 2), size, size, ceil_mode=True).transpose(1, 2)
