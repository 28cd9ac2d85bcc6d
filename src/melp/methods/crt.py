"""CRT: drop parts of the time and of the spectrum, and draw them from what is left of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from melp.augment.random import uniform
from melp.errors import check_ranges
from melp.losses.gather import gather, share_of_mean
from melp.losses.instance_discrimination import instance_discrimination
from melp.methods._base import Batch, EncoderConfig, Inputs, Method, progress
from melp.nn import list_encoders
from melp.nn.crt import MODALITIES, CrossReconstructionTransformer
from melp.nn.transformer import Transformer, TransformerBlock


@dataclass(frozen=True)
class CRTConfig(EncoderConfig):
    """Options of CRT (A: the paper; C: its code)."""

    encoders: ClassVar[Sequence[str]] = list_encoders(CrossReconstructionTransformer)

    encoder: str = "crt_base"
    """Cross-reconstruction transformer (A): crt_narrow or crt_base."""
    least_dropped: float = 0.3
    """Share of the patches that is dropped at first (C)."""
    most_dropped: float = 0.8
    """Share that is dropped in the end; in between it is the share of the training that is done (C)."""
    decoder_layers: int = 2
    """Transformer layers of the decoder, which is as wide as the encoder (C)."""
    decoder_heads: int = 8
    """Its attention heads (C)."""
    discrimination_weight: float = 1e-4
    """Of the instance discrimination (C)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        limits = {"least_dropped": (0.0, 0.99), "most_dropped": (self.least_dropped, 0.99)}
        limits |= {"discrimination_weight": (0.0, float("inf"))}
        check_ranges("method", self, limits, above=("decoder_layers", "decoder_heads"))


class CRT(Method):
    """Draws the dropped parts of a recording and of its spectrum from what is left of both.

    A recording is seen in three ways: as a function of time, and as magnitude and phase of its Fourier
    transform. Each is cut into patches, of which many are dropped: they are not replaced by anything, so the
    encoder reads nothing that is not in an ECG, and the others keep their places. Magnitude and phase lose
    the same frequencies. The encoder reads the rest of all three together. A small decoder gets its output,
    and a learned token at each place that was dropped, and draws all patches again. What is missing in the
    time can be told from the spectrum, which is of the whole recording, and the other way round. The share
    that is dropped rises in the course of the training, from easy to hard. A weak second term has different
    recordings point in different directions.

    In words: loss = mean over all patches of (drawn - patch)^2 + 1e-4 * (1 + log of the mean, over pairs of
    different recordings, of exp(cosine of one before and the other behind the transformer)).

    Paper: Zhang, Yang, Geng and Hong, "Self-Supervised Time Series Representation Learning via Cross
    Reconstruction Transformer", IEEE Transactions on Neural Networks and Learning Systems, 2023.

    Differences:
        * All patches are drawn by the decoder; the published code draws those that were kept from the
          encoder's output, and only the dropped ones from the decoder's.
        * Error and targets are plain numbers, as in the paper, although a phase is an angle (-pi and pi are
          the same) and magnitudes differ a thousandfold. So that none of the three drowns the others, the
          transform is unitary, which gives magnitudes the mean square of the ECG, and phases count in units
          of pi; the paper does not say. Recipes standardise the recordings.
        * The share dropped follows the steps, where the code follows the epochs.
        * The instance discrimination compares mean tokens of different recordings of the batch over all
          processes, what the paper means it for; its code compares tokens.
        * A probe reads the three class tokens side by side; how the code puts them together is not known.
    """

    paper: ClassVar[str] = "Zhang et al., Cross Reconstruction Transformer, IEEE TNNLS 2023"
    needs: ClassVar[tuple[str, ...]] = ("ecg",)
    Config: ClassVar[type] = CRTConfig
    config: CRTConfig
    encoder: CrossReconstructionTransformer

    def __init__(self, config: CRTConfig, inputs: Inputs) -> None:
        super().__init__(config, inputs)
        encoder = self.encoder
        self.dropped = nn.Parameter(0.02 * torch.randn(encoder.dim))
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
        """Squared error of all patches, and how alike different recordings are."""
        patches = self.encoder.patchify(batch["ecg"])
        counts = [part.shape[1] for part in patches]
        kept = self._kept(batch, counts)
        before, after = self.encoder.encode(patches, kept)
        drawn = self._draw(after, kept, counts)
        with torch.autocast(after.device.type, enabled=False):
            pairs = [
                (one.float().flatten(1), other.flatten(1)) for one, other in zip(drawn, patches, strict=True)
            ]
            each = torch.cat([(one - other).square() for one, other in pairs], dim=1).mean(1)
        error = share_of_mean(each)
        alike = instance_discrimination(gather(before.mean(1)), gather(after.mean(1)))
        loss = error + self.config.discrimination_weight * alike
        return {"loss": loss, "reconstruction": error, "discrimination": alike}

    def embed(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """The class tokens of time, magnitude and phase, or the mean frame where the probe reads stages."""
        return super().embed(ecg) if self.config.probe == "stages" else self.encoder.summaries(ecg).flatten(1)

    def _kept(self, batch: Batch, counts: list[int]) -> list[Int[Tensor, "batch _"]]:
        """Numbers of the patches of each modality that are not dropped, in their order."""
        share = min(max(progress(batch), self.config.least_dropped), self.config.most_dropped)
        kept = []
        for stream, count in enumerate(counts[:2]):
            keep = max(count - round(share * count), 1)
            order = uniform(batch["key"], count, stream=stream).argsort(1)
            kept.append(order[:, :keep].sort(1).values)
        return [*kept, kept[1]]

    def _draw(
        self, encoded: Float[Tensor, "batch token dim"], kept: list[Int[Tensor, "batch _"]], counts: list[int]
    ) -> list[Float[Tensor, "batch _ lead_sample"]]:
        """Every patch, from the tokens of those that were kept."""
        first = len(MODALITIES)
        tokens = encoded[:, first:].split([numbers.shape[1] for numbers in kept], dim=1)
        parts = [encoded[:, :first]]
        for part, numbers, place in zip(tokens, kept, self.places(counts), strict=True):
            everywhere = self.dropped.to(part.dtype).expand(len(part), len(place), -1)
            rows = numbers[..., None].expand(part.shape)
            parts.append(everywhere.scatter(1, rows, part) + place)
        drawn = self.norm(self.decoder(torch.cat(parts, dim=1)))[:, first:].split(counts, dim=1)
        # [batch, patch, lead * sample]
        return [head(part) for head, part in zip(self.heads, drawn, strict=True)]
