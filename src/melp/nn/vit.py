"""The 1-D vision transformer of MERL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from melp.errors import MelpError
from melp.nn.base import Encoder
from melp.nn.transformer import Transformer, TransformerBlock


@dataclass(frozen=True)
class ViT1dConfig:
    """Sizes of a `ViT1d`; the defaults are MERL's ViT-tiny."""

    leads: int = 12
    """Input leads."""
    samples: int = 5000
    """Longest recording; the learned positions cover it."""
    patch: int = 50
    """Samples of a patch (0.1 s at 500 Hz)."""
    dim: int = 192
    """Width."""
    layers: int = 12
    """Transformer layers."""
    heads: int = 3
    """Attention heads."""
    head_dim: int = 64
    """Width of a head."""
    feedforward: int = 768
    """Hidden width of a layer."""
    dropout: float = 0.0
    """Dropout after the positions, attention and feed-forward parts."""
    position_scale: float = 1.0
    """Initial standard deviation of the positions; MERL's is large compared with patches of some 0.1 mV."""


VIT_PRESETS: dict[str, ViT1dConfig] = {
    "narrow": ViT1dConfig(
        samples=1000,
        patch=10,
        dim=96,
        layers=4,
        heads=4,
        head_dim=24,
        feedforward=192,
        dropout=0.1,
        position_scale=0.02,
    ),
    "tiny": ViT1dConfig(),
    "small": ViT1dConfig(dim=384, heads=6, feedforward=1536),
    "base": ViT1dConfig(dim=768, heads=12, feedforward=3072),
}
"""MERL's sizes for 500 Hz; a narrow one with patches of the same 0.1 s at 100 Hz, for two CPU cores."""


class ViT1d(Encoder):
    """Patches of all leads together, learned positions, pre-norm transformer (MERL, Liu et al. 2024).

    The vector of a recording is the layer norm of the mean patch.

    Differences: recordings may be shorter than `samples`. Frames are normalised one by one (the published
    module does not return frames). Samples that do not fill a patch are left out.
    """

    needs: ClassVar[str] = "at most as many samples as its size `samples`"

    def __init__(self, config: ViT1dConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or ViT1dConfig()
        self.dim = config.dim
        self.patch_embedding = nn.Conv1d(config.leads, config.dim, config.patch, config.patch, bias=False)
        places = config.samples // config.patch
        self.positions = nn.Parameter(config.position_scale * torch.randn(places, config.dim))
        self.dropout = nn.Dropout(config.dropout)
        self.layers = Transformer(
            TransformerBlock(
                config.dim, config.heads, config.feedforward, config.dropout, head_dim=config.head_dim
            )
            for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(config.dim)

    def _patches(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch frame dim"]:
        x = self.patch_embedding(ecg).transpose(1, 2)
        if x.shape[1] > len(self.positions):
            raise MelpError(
                f"vit: recordings of {ecg.shape[2]} samples found, wanted at most {self.config.samples} "
                "(option samples)"
            )
        x = self.dropout(x + self.positions[: x.shape[1]])
        return self.layers(x)

    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch frame dim"]:
        """Return a frame for each patch.

        Raises:
            MelpError: the recordings are longer than `samples`.
        """
        return self.norm(self._patches(ecg))

    def embed(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """Return the layer norm of the mean patch."""
        return self.norm(self._patches(ecg).mean(1))
