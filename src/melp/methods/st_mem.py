"""ST-MEM: from a quarter of the patches of every lead, draw the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from melp.augment.random import uniform
from melp.augment.time import random_crop
from melp.errors import MelpError, check_ranges
from melp.losses.gather import share_of_mean
from melp.losses.masked_patches import masked_patch_loss
from melp.methods._base import Batch, EncoderConfig, Inputs, Method
from melp.nn import list_encoders
from melp.nn.st_mem import SpatioTemporalViT, sine_positions
from melp.nn.transformer import Transformer, TransformerBlock

_CROP, _MASK = 0, 1  # streams of random numbers


@dataclass(frozen=True)
class STMEMConfig(EncoderConfig):
    """Options of ST-MEM (A: the paper; C: its code)."""

    encoders: ClassVar[Sequence[str]] = list_encoders(SpatioTemporalViT)

    encoder: str = "st_mem_base"
    """Spatio-temporal transformer (A): st_mem_narrow, _small or _base."""
    masked: float = 0.75
    """Share of each lead's patches that is hidden (A, section 3.2)."""
    crop: float = 9.0
    """Seconds that are cut from each recording at random; 0 takes all of it (C)."""
    decoder_dim: int = 256
    """Width of the decoder (A, appendix)."""
    decoder_layers: int = 4
    """Its transformer layers (A, appendix)."""
    decoder_heads: int = 4
    """Its attention heads (A, appendix)."""
    normalised: bool = True
    """Whether each target patch has its mean and deviation taken away (C)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        sizes = ("decoder_dim", "decoder_layers", "decoder_heads", "masked")
        check_ranges("method", self, {"masked": (0, 0.99), "crop": (0, float("inf"))}, above=sizes)


class STMEM(Method):
    """Hides most of a recording and has the encoder's words draw it again.

    Each lead is cut into patches. A random quarter of every lead's patches passes the encoder, which reads
    all leads together: what one lead hides, another may show. Then a small decoder takes one lead at a time,
    the encoder's output where a patch was seen and a learned token where it was not, and draws the hidden
    patches. Separators at both ends of a lead carry what the lead is like. The decoder sees no other lead, so
    the relations between leads have to be in the encoder, which is what a probe reads.

    In words: loss = mean over the hidden patches of (drawn - patch)^2, the patch with its own mean and
    deviation taken away.

    Paper: Na, Park, Tae and Joo, "Guiding Masked Representation Learning to Capture Spatio-Temporal
    Relationship of Electrocardiogram", ICLR 2024.

    Differences:
        * The published recipe filters 0.67-40 Hz and standardises over leads and time before the crop;
          preprocessing comes before the crop here too, as the recipe's `preprocessing` says.
        * A probe reads the layer norm of the mean patch of the whole recording; the paper averages crops.
    """

    paper: ClassVar[str] = "Na et al., Guiding Masked Representation Learning (ST-MEM), ICLR 2024"
    needs: ClassVar[tuple[str, ...]] = ("ecg",)
    Config: ClassVar[type] = STMEMConfig
    config: STMEMConfig
    encoder: SpatioTemporalViT

    def __init__(self, config: STMEMConfig, inputs: Inputs) -> None:
        super().__init__(config, inputs)
        encoder = self.encoder
        self.decoder_embedding = nn.Linear(encoder.dim, config.decoder_dim)
        self.hidden_patch = nn.Parameter(0.02 * torch.randn(config.decoder_dim))
        self.decoder = Transformer(
            TransformerBlock(config.decoder_dim, config.decoder_heads, 4 * config.decoder_dim)
            for _ in range(config.decoder_layers)
        )
        self.decoder_norm = nn.LayerNorm(config.decoder_dim)
        self.head = nn.Linear(config.decoder_dim, encoder.config.patch)

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """Squared error of the hidden patches."""
        ecg, keys = batch["ecg"], batch["key"]
        if self.config.crop:
            ecg = random_crop(ecg, keys, round(self.config.crop * self.inputs.rate), _CROP)
        patches = self.encoder.patchify(ecg)
        order, keep = self._order(keys, patches.shape[1], patches.shape[2])
        encoded = self.encoder.encode(self.encoder.embed_patches(patches), order[..., :keep])
        drawn = self._draw(self.encoder.norm(encoded), order)
        each = masked_patch_loss(drawn, patches, order[..., keep:], self.config.normalised)
        return {"loss": share_of_mean(each)}

    def _order(
        self, keys: Int[Tensor, " batch"], leads: int, patches: int
    ) -> tuple[Int[Tensor, "batch lead patch"], int]:
        """Patches of each lead in random order, and how many of the first are seen."""
        keep = min(max(int(patches * (1 - self.config.masked)), 1), patches - 1)
        if keep < 1:
            raise MelpError("st_mem: recordings of one patch found, wanted two or more")
        return uniform(keys, leads, patches, stream=_MASK).argsort(-1), keep

    def _draw(
        self, encoded: Float[Tensor, "batch lead place dim"], order: Int[Tensor, "batch lead patch"]
    ) -> Float[Tensor, "batch lead patch sample"]:
        """All patches, drawn from the encoder's output; each lead by itself."""
        x = self.decoder_embedding(encoded)
        rows, leads, patches = order.shape
        hidden = self.hidden_patch.to(x.dtype).expand(rows, leads, patches + 2 - x.shape[2], -1)
        mixed = torch.cat([x[:, :, 1:-1], hidden], dim=2)
        # Back from the random order to that of time.
        mixed = mixed.take_along_dim(order.argsort(-1)[..., None], 2)
        x = torch.cat([x[:, :, :1], mixed, x[:, :, -1:]], dim=2)
        x = (x + sine_positions(patches + 2, self.config.decoder_dim).to(x)).flatten(0, 1)
        return self.head(self.decoder_norm(self.decoder(x))).unflatten(0, (rows, leads))[:, :, 1:-1]
