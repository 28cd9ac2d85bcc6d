"""ST-MEM: reconstructs the masked patches of every lead from the remaining quarter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from melp.augment.random import uniform
from melp.augment.streams import Stream
from melp.augment.time import random_crop
from melp.errors import MelpError, check_ranges
from melp.losses.gather import share_of_mean
from melp.losses.masked_patches import masked_patch_loss
from melp.methods._base import Batch, EncoderConfig, Inputs, Method
from melp.nn import list_encoders
from melp.nn.st_mem import SpatioTemporalViT, sine_positions
from melp.nn.transformer import Transformer, TransformerBlock


@dataclass(frozen=True)
class STMEMConfig(EncoderConfig):
    """Options of ST-MEM (A: the paper; C: its code)."""

    encoders: ClassVar[Sequence[str]] = list_encoders(SpatioTemporalViT)

    encoder: str = "st_mem_base"
    """Spatio-temporal transformer (A): st_mem_narrow, _small or _base."""
    masked: float = 0.75
    """Share of the patches of each lead that is masked (A, section 3.2)."""
    crop: float = 9.0
    """Length in seconds of a random crop of each recording; 0 disables cropping (C)."""
    decoder_dim: int = 256
    """Width of the decoder (A, appendix)."""
    decoder_layers: int = 4
    """Transformer layers of the decoder (A, appendix)."""
    decoder_heads: int = 4
    """Attention heads of the decoder (A, appendix)."""
    normalised: bool = True
    """Whether each target patch is standardised (C)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        sizes = ("decoder_dim", "decoder_layers", "decoder_heads", "masked")
        check_ranges("method", self, {"masked": (0, 0.99), "crop": (0, float("inf"))}, above=sizes)


class STMEM(Method):
    """Masks most of a recording and reconstructs it from the encoder's output.

    Each lead is cut into patches. A random quarter of the patches of every lead passes the encoder, which
    reads all leads together. Then a small decoder reads one lead at a time: the encoder's output for visible
    patches and a learned mask token for the others. It reconstructs the masked patches. Separators at both
    ends of a lead carry lead-specific information. Because the decoder does not read other leads, the encoder
    has to represent the relations between leads. A probe reads the encoder.

    In words: loss = mean over the masked patches of (reconstruction - patch)^2, with each patch standardised
    by its own mean and deviation.

    Paper: Na, Park, Tae and Joo, "Guiding Masked Representation Learning to Capture Spatio-Temporal
    Relationship of Electrocardiogram", ICLR 2024.

    Differences:
        * The published recipe filters 0.67-40 Hz and standardises over leads and time before the crop. Here
          too preprocessing comes before the crop; the recipe sets it in `preprocessing`.
        * A probe reads the layer norm of the mean patch of the whole recording; the paper averages crops.
        * Weight decay is for the matrices of layers only, not for tokens and the embeddings of leads.
    """

    paper: ClassVar[str] = "Na et al., Guiding Masked Representation Learning (ST-MEM), ICLR 2024"
    needs: ClassVar[tuple[str, ...]] = ("ecg",)
    least_batch: ClassVar[int] = 1
    Config: ClassVar[type] = STMEMConfig
    config: STMEMConfig
    encoder: SpatioTemporalViT

    def __init__(self, config: STMEMConfig, inputs: Inputs) -> None:
        super().__init__(config, inputs)
        encoder = self.encoder
        self.decoder_embedding = nn.Linear(encoder.dim, config.decoder_dim)
        self.mask_token = nn.Parameter(0.02 * torch.randn(config.decoder_dim))
        self.decoder = Transformer(
            TransformerBlock(config.decoder_dim, config.decoder_heads, 4 * config.decoder_dim)
            for _ in range(config.decoder_layers)
        )
        self.decoder_norm = nn.LayerNorm(config.decoder_dim)
        self.head = nn.Linear(config.decoder_dim, encoder.config.patch)

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """Return the squared error of the masked patches."""
        ecg, keys = batch["ecg"], batch["key"]
        if self.config.crop:
            ecg = random_crop(ecg, keys, round(self.config.crop * self.inputs.rate), Stream.ST_MEM_CROP)
        patches = self.encoder.patchify(ecg)
        order, keep = self._order(keys, patches.shape[1], patches.shape[2])
        encoded = self.encoder.encode(self.encoder.embed_patches(patches), order[..., :keep])
        reconstruction = self._decode(self.encoder.norm(encoded), order)
        errors = masked_patch_loss(reconstruction, patches, order[..., keep:], self.config.normalised)
        return {"loss": share_of_mean(errors)}

    def _order(
        self, keys: Int[Tensor, " batch"], leads: int, patches: int
    ) -> tuple[Int[Tensor, "batch lead patch"], int]:
        """Return a random order of the patches of each lead, and how many of the first are visible."""
        keep = min(max(int(patches * (1 - self.config.masked)), 1), patches - 1)
        if keep < 1:
            raise MelpError("st_mem: recordings of one patch found, wanted two or more")
        return uniform(keys, leads, patches, stream=Stream.ST_MEM_PATCHES).argsort(-1), keep

    def _decode(
        self, encoded: Float[Tensor, "batch lead place dim"], order: Int[Tensor, "batch lead patch"]
    ) -> Float[Tensor, "batch lead patch sample"]:
        """Return reconstructions of all patches from the encoder's output, each lead separately."""
        x = self.decoder_embedding(encoded)
        rows, leads, patches = order.shape
        masked = self.mask_token.to(x.dtype).expand(rows, leads, patches + 2 - x.shape[2], -1)
        mixed = torch.cat([x[:, :, 1:-1], masked], dim=2)
        # From the random order back to that of time.
        mixed = mixed.take_along_dim(order.argsort(-1)[..., None], 2)
        x = torch.cat([x[:, :, :1], mixed, x[:, :, -1:]], dim=2)
        x = (x + sine_positions(patches + 2, self.config.decoder_dim).to(x)).flatten(0, 1)
        return self.head(self.decoder_norm(self.decoder(x))).unflatten(0, (rows, leads))[:, :, 1:-1]
