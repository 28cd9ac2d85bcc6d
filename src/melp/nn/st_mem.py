"""The spatio-temporal vision transformer of ST-MEM: one sequence of patches of single leads."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from melp.errors import MelpError
from melp.nn.base import Encoder
from melp.nn.transformer import Transformer, TransformerBlock


@dataclass(frozen=True)
class STMEMConfig:
    """Sizes of a `SpatioTemporalViT`; the defaults are ST-MEM's ViT-B, for 250 Hz."""

    leads: int = 12
    """Input leads."""
    patch: int = 75
    """Samples of a patch (0.3 s at 250 Hz)."""
    dim: int = 768
    """Width."""
    layers: int = 12
    """Transformer layers."""
    heads: int = 12
    """Attention heads."""
    feedforward: int = 3072
    """Hidden width of a layer."""
    dropout: float = 0.0
    """Dropout after attention and in the feed-forward parts."""


ST_MEM_PRESETS: dict[str, STMEMConfig] = {
    "narrow": STMEMConfig(patch=50, dim=96, layers=4, heads=4, feedforward=192),
    "small": STMEMConfig(dim=384, heads=6, feedforward=1536),
    "base": STMEMConfig(),
}
"""The published sizes for 250 Hz; a narrow one with patches of 0.5 s at 100 Hz, for two CPU cores."""


def sine_positions(count: int, dim: int) -> Float[Tensor, "count dim"]:
    """Return fixed positions: sines of 0 to `count` - 1, then cosines, at `dim`/2 rates from 1 to 1/10,000.

    Vaswani et al. (2017), in the order of He et al. (2022).

    Raises:
        MelpError: `dim` is odd.
    """
    if dim % 2:
        raise MelpError(f"positions: width {dim} found, wanted an even one")
    rates = torch.exp(-math.log(10_000) * torch.arange(dim // 2) / (dim // 2))
    angles = torch.arange(count)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class SpatioTemporalViT(Encoder):
    """Patches of every lead as one sequence; ST-MEM (Na et al. 2024).

    Each patch has a fixed position in time, shared by all leads, and a learned embedding of its lead. Each
    lead has a learned separator at both ends. For masked pretraining: `patchify`, `embed_patches` and
    `encode`, which accepts a subset of the patches.

    Frames are the means over leads. The vector of a recording is the layer norm of the mean patch.

    Differences: recordings may have any length; samples that do not fill a patch are left out.
    """

    needs: ClassVar[str] = "one patch or more"

    def __init__(self, config: STMEMConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or STMEMConfig()
        self.dim = config.dim
        self.patch_embedding = nn.Sequential(
            nn.LayerNorm(config.patch), nn.Linear(config.patch, config.dim), nn.LayerNorm(config.dim)
        )
        self.separator = nn.Parameter(0.02 * torch.randn(config.dim))
        self.lead_embeddings = nn.Parameter(0.02 * torch.randn(config.leads, config.dim))
        self.layers = Transformer(
            TransformerBlock(config.dim, config.heads, config.feedforward, config.dropout)
            for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(config.dim)

    def patchify(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch lead patch sample"]:
        """Cut the recordings into patches.

        Raises:
            MelpError: they are shorter than one patch.
        """
        size = self.config.patch
        if ecg.shape[-1] < size:
            raise MelpError(f"st_mem: {ecg.shape[-1]} samples found, wanted {size} or more, one patch")
        return ecg[..., : ecg.shape[-1] // size * size].unflatten(-1, (-1, size))

    def embed_patches(
        self, patches: Float[Tensor, "batch lead patch sample"]
    ) -> Float[Tensor, "batch lead patch dim"]:
        """Return the embeddings of patches, including position and lead."""
        # Place 0 is that of the first separator.
        positions = self._positions(patches.shape[2] + 2)[1:-1]
        return self.patch_embedding(patches) + positions + self.lead_embeddings[:, None]

    def encode(
        self,
        embedded: Float[Tensor, "batch lead patch dim"],
        kept: Int[Tensor, "batch lead keep"] | None = None,
    ) -> Float[Tensor, "batch lead place dim"]:
        """Run the transformer over all leads together, without the last layer norm.

        Args:
            embedded: as from `embed_patches`.
            kept: numbers of the patches of each lead to encode; all if None.

        Returns:
            For each lead: first separator, patches in the order of `kept`, last separator.
        """
        ends = self._positions(embedded.shape[2] + 2)[[0, -1]] + self.separator
        first, last = (ends[:, None, None] + self.lead_embeddings[None, :, None]).unbind()
        if kept is not None:
            embedded = embedded.take_along_dim(kept[..., None], 2)
        rows = embedded.shape[0]
        x = torch.cat([first.expand(rows, -1, -1, -1), embedded, last.expand(rows, -1, -1, -1)], dim=2)
        return self.layers(x.flatten(1, 2)).unflatten(1, x.shape[1:3])

    def _frames(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch frame dim"]:
        return self.encode(self.embed_patches(self.patchify(ecg)))[:, :, 1:-1].mean(1)

    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch frame dim"]:
        """Return a frame for each patch of the time."""
        return self.norm(self._frames(ecg))

    def embed(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """Return the layer norm of the mean patch."""
        return self.norm(self._frames(ecg).mean(1))

    def _positions(self, count: int) -> Float[Tensor, "count dim"]:
        return sine_positions(count, self.dim).to(self.separator)
