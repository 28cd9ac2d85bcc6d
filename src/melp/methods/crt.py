"""CRT: drops parts of the signal and of its spectrum, and reconstructs them from the rest of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from melp.augment.random import uniform
from melp.augment.streams import Stream
from melp.errors import check_ranges
from melp.losses.gather import gather, share_of_mean
from melp.losses.instance_discrimination import instance_discrimination
from melp.methods._base import Batch, EncoderConfig, Inputs, Method, progress
from melp.nn import list_encoders
from melp.nn.crt import MODALITIES, CrossReconstructionTransformer
from melp.nn.transformer import Transformer, TransformerBlock
from melp.signal.precision import without_autocast


@dataclass(frozen=True)
class CRTConfig(EncoderConfig):
    """Options of CRT (A: the paper; C: its code)."""

    encoders: ClassVar[Sequence[str]] = list_encoders(CrossReconstructionTransformer)

    encoder: str = "crt_base"
    """Cross-reconstruction transformer (A): crt_narrow or crt_base."""
    least_dropped: float = 0.3
    """Share of the patches that is dropped at first (C)."""
    most_dropped: float = 0.8
    """Share that is dropped at the end; in between, the share of the training that is done (C)."""
    decoder_layers: int = 2
    """Transformer layers of the decoder, which has the width of the encoder (C)."""
    decoder_heads: int = 8
    """Attention heads of the decoder (C)."""
    discrimination_weight: float = 1e-4
    """Weight of the instance discrimination (C)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        limits = {"least_dropped": (0.0, 0.99), "most_dropped": (self.least_dropped, 0.99)}
        limits |= {"discrimination_weight": (0.0, float("inf"))}
        check_ranges("method", self, limits, above=("decoder_layers", "decoder_heads"))


class CRT(Method):
    """Reconstructs the dropped parts of a recording and of its spectrum from the rest of both.

    A recording is represented in three ways: as a function of time, and as magnitude and phase of its Fourier
    transform. Each is cut into patches, and many patches are dropped. They are not replaced, so that the
    encoder reads only parts of real ECGs; the others keep their positions. Magnitude and phase lose the same
    frequencies. The encoder reads the remaining patches of all three together. A small decoder reads its
    output, with a learned mask token at each dropped position, and reconstructs all patches. Parts that are
    missing in time can be inferred from the spectrum of the whole recording, and vice versa. The dropped
    share rises during training, from easy to hard. A weak second term separates the vectors of different
    recordings.

    In words: loss = mean over all patches of (reconstruction - patch)^2 + 1e-4 * (1 + log of the mean, over
    pairs of different recordings, of exp(cosine of one before and the other after the transformer)).

    Paper: Zhang, Yang, Geng and Hong, "Self-Supervised Time Series Representation Learning via Cross
    Reconstruction Transformer", IEEE Transactions on Neural Networks and Learning Systems, 2023.

    Differences:
        * The decoder reconstructs all patches; the published code reconstructs kept patches from the
          encoder's output and dropped ones from the decoder's.
        * The error of a phase is a plain difference, as in the paper, although -pi and pi are the same angle,
          and magnitudes are not rescaled, although they differ a thousandfold. To balance the three parts,
          the transform is unitary, which gives magnitudes the mean square of the ECG, and phases are in units
          of pi; the paper does not state its scaling. Recipes standardise the recordings.
        * The dropped share follows the steps; in the code it follows the epochs.
        * The instance discrimination compares mean tokens of different recordings in the batch of all
          processes, as the paper describes; its code compares tokens.
        * A probe reads the three class tokens, concatenated; the code does not show how they are combined.
        * Weight decay is for the matrices of layers only, not for class tokens and the embeddings of places.
    """

    paper: ClassVar[str] = "Zhang et al., Cross Reconstruction Transformer, IEEE TNNLS 2023"
    needs: ClassVar[tuple[str, ...]] = ("ecg",)
    Config: ClassVar[type] = CRTConfig
    config: CRTConfig
    encoder: CrossReconstructionTransformer

    @classmethod
    def least_records(cls, config: CRTConfig, ranks: int = 1) -> int:
        """Return 2 for the discrimination of recordings, 1 for the reconstruction alone."""
        return 2 if config.discrimination_weight else 1

    def __init__(self, config: CRTConfig, inputs: Inputs) -> None:
        super().__init__(config, inputs)
        encoder = self.encoder
        self.mask_token = nn.Parameter(0.02 * torch.randn(encoder.dim))
        self.places = encoder.new_places()
        self.decoder = Transformer(
            TransformerBlock(encoder.dim, config.decoder_heads, encoder.config.feedforward)
            for _ in range(config.decoder_layers)
        )
        self.norm = nn.LayerNorm(encoder.dim)
        self.heads = nn.ModuleList(
            nn.Linear(encoder.dim, inputs.leads * encoder.config.patch) for _ in MODALITIES
        )

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """Return the squared error of all patches, and the instance discrimination."""
        patches = self.encoder.patchify(batch["ecg"])
        counts = [part.shape[1] for part in patches]
        kept = self._kept(batch, counts)
        before, after = self.encoder.encode(patches, kept)
        reconstructions = self._decode(after, kept, counts)
        with without_autocast(after.device):
            errors = [
                (reconstruction.float().flatten(1) - target.flatten(1)).square()
                for reconstruction, target in zip(reconstructions, patches, strict=True)
            ]
            error = share_of_mean(torch.cat(errors, dim=1).mean(1))
        discrimination = instance_discrimination(gather(before.mean(1)), gather(after.mean(1)))
        loss = error + self.config.discrimination_weight * discrimination
        return {"loss": loss, "reconstruction": error, "discrimination": discrimination}

    def embed(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """Return the class tokens of time, magnitude and phase, or the mean frame for the probe `stages`."""
        return super().embed(ecg) if self.config.probe == "stages" else self.encoder.summaries(ecg).flatten(1)

    def _kept(self, batch: Batch, counts: list[int]) -> list[Int[Tensor, "batch _"]]:
        """Return the numbers of the patches of each modality that are kept, in order."""
        share = min(max(progress(batch), self.config.least_dropped), self.config.most_dropped)
        kept = []
        streams = (Stream.CRT_TIMES, Stream.CRT_FREQUENCIES)
        for stream, count in zip(streams, counts[:2], strict=True):
            keep = max(count - round(share * count), 1)
            order = uniform(batch["key"], count, stream=stream).argsort(1)
            kept.append(order[:, :keep].sort(1).values)
        return [*kept, kept[1]]

    def _decode(
        self, encoded: Float[Tensor, "batch token dim"], kept: list[Int[Tensor, "batch _"]], counts: list[int]
    ) -> list[Float[Tensor, "batch _ lead_sample"]]:
        """Return reconstructions of all patches from the tokens of the kept ones."""
        first = len(MODALITIES)
        tokens = encoded[:, first:].split([numbers.shape[1] for numbers in kept], dim=1)
        parts = [encoded[:, :first]]
        for part, numbers, place in zip(tokens, kept, self.places(counts), strict=True):
            masked = self.mask_token.to(part.dtype).expand(len(part), len(place), -1)
            rows = numbers[..., None].expand(part.shape)
            parts.append(masked.scatter(1, rows, part) + place)
        decoded = self.norm(self.decoder(torch.cat(parts, dim=1)))[:, first:].split(counts, dim=1)
        # [batch, patch, lead * sample]
        return [head(part) for head, part in zip(self.heads, decoded, strict=True)]
