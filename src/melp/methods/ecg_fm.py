"""ECG-FM: wav2vec 2.0 on ECGs, with a contrast of both halves of a recording and lead masking."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from melp.augment.leads import FILLS, mask_leads
from melp.augment.random import combine, uniform
from melp.augment.streams import Stream
from melp.errors import MelpError, check_choices, check_ranges
from melp.losses.gather import gather, share_of_count, share_of_mean, sum_over_ranks
from melp.losses.masked_frames import diversity_loss, masked_frame_contrast
from melp.losses.patient_contrast import patient_contrast
from melp.methods._base import Batch, EncoderConfig, Inputs, Method
from melp.methods._views import halves_of
from melp.nn import list_encoders
from melp.nn.quantiser import GumbelQuantiser
from melp.nn.wav2vec2 import Wav2Vec2Encoder
from melp.signal.precision import without_autocast


@dataclass(frozen=True)
class ECGFMConfig(EncoderConfig):
    """Options of ECG-FM (C: fairseq-signals and ECG-FM's code)."""

    encoders: ClassVar[Sequence[str]] = list_encoders(Wav2Vec2Encoder)

    encoder: str = "wav2vec2_base"
    """wav2vec 2.0 encoder (C): wav2vec2_tiny, _small, _base or _large."""
    lead_masking: float = 0.5
    """Probability that a lead of a half is masked (C, random lead masking)."""
    lead_fill: str = "isoelectric"
    """Value of a masked lead: isoelectric, or zero (C)."""
    masked: float = 0.65
    """Share of the frames that the masked spans would cover without overlaps (C)."""
    span: int = 10
    """Frames of a masked span (C)."""
    negatives: int = 100
    """Number of negatives of each masked frame (C)."""
    temperature: float = 0.1
    """Temperature of the cosines of frames (C)."""
    groups: int = 2
    """Codebooks of the quantiser (C)."""
    entries: int = 320
    """Entries of each codebook (C)."""
    dim: int = 256
    """Width of the vectors in which frames are compared (C)."""
    gumbel_first: float = 2.0
    """Initial temperature of the quantiser (C)."""
    gumbel_least: float = 0.5
    """Lowest temperature of the quantiser (C)."""
    gumbel_factor: float = 0.999995
    """Factor on the temperature of the quantiser at each step (C)."""
    disuse_weight: float = 0.1
    """Weight of the diversity loss of the codebooks (C)."""
    feature_weight: float = 10.0
    """Weight of the mean square of the convolutions' output (C)."""
    patient_weight: float = 1.0
    """Weight of the contrast between halves of recordings, CMSC (C); 0 gives plain wav2vec 2.0."""
    patient_temperature: float = 0.1
    """Temperature of the contrast between halves (C)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choices("method", self, {"lead_fill": FILLS})
        weights = ("disuse_weight", "feature_weight", "patient_weight")
        limits = {**dict.fromkeys(weights, (0, math.inf)), "lead_masking": (0, 1), "masked": (0, 1)}
        sizes = ("masked", "span", "negatives", "temperature", "groups", "entries", "dim")
        gumbel = ("gumbel_first", "gumbel_least", "gumbel_factor")
        check_ranges("method", self, limits, above=(*sizes, *gumbel, "patient_temperature"))
        if self.dim % self.groups:
            raise MelpError(f"method.dim: {self.dim} found, wanted a multiple of the {self.groups} groups")


class ECGFM(Method):
    """Predicts masked spans of a recording, and contrasts its two halves with other recordings.

    Convolutions turn each half of a recording into frames. Spans of frames are replaced by a learned mask
    token before the transformer, whose output at each masked frame is contrasted: the positive is the masked
    frame, the negatives are other masked frames of the same half. The targets are quantised frames, a choice
    from two small codebooks, so that noise need not be predicted. In addition the mean outputs of both halves
    of a patient's recordings are contrasted with the batch (CMSC), and random leads are masked (RLM), so that
    the encoder reads any set of leads.

    In words: loss = mean over masked frames of -log softmax over the positive and the negatives of
    (cosine / t) + 0.1 * diversity loss of the codebooks + 10 * mean square of the convolutions' output
    + mean over pairs of one patient of -log softmax over the batch of (cosine / t), mean of both directions.

    Paper: Oh, Chung, Kwon, Hong and Choi, "Lead-agnostic Self-supervised Learning for Local and Global
    Representations of Electrocardiogram", CHIL 2022; larger in McKeen et al., "ECG-FM: An Open
    Electrocardiogram Foundation Model", 2024.

    Differences:
        * Each recording has its own number of masked spans; the published code draws one per batch.
        * The loss is a mean over masked frames; the published sums are equivalent.
        * Cosines have their full gradient; the published CMSC treats the norms as constants.
        * The two small terms and the falling temperature of the quantiser are as in fairseq-signals; MELP's
          variant has neither. Masked leads keep their baseline.
        * Weight decay is for the matrices of layers only, not for codebooks and magnitudes of weight norm.
    """

    paper: ClassVar[str] = "Oh et al., Lead-agnostic SSL (wav2vec 2.0 + CMSC + RLM), CHIL 2022"
    needs: ClassVar[tuple[str, ...]] = ("ecg", "patient")
    Config: ClassVar[type] = ECGFMConfig
    config: ECGFMConfig
    encoder: Wav2Vec2Encoder

    @classmethod
    def least_records(cls, config: ECGFMConfig, ranks: int = 1) -> int:
        """Return 2 for the contrast of halves, 1 for wav2vec 2.0 alone."""
        return 2 if config.patient_weight else 1

    @classmethod
    def pairs_patients(cls, config: ECGFMConfig) -> bool:
        """Return whether halves of recordings are contrasted, with those of a patient as positives."""
        return config.patient_weight > 0

    def __init__(self, config: ECGFMConfig, inputs: Inputs) -> None:
        super().__init__(config, inputs)
        encoder = self.encoder
        frames = encoder.frame_count(inputs.samples // 2)
        if frames < config.span + 2:
            raise MelpError(
                f"method.span: {config.span} found, wanted at most {frames - 2}: "
                f"half a recording has {frames} frames"
            )
        channels = encoder.config.conv_channels
        self.mask_token = nn.Parameter(torch.randn(encoder.dim) * encoder.dim**-0.5)
        self.quantiser = GumbelQuantiser(channels, config.dim, config.groups, config.entries)
        self.target_projection = nn.Linear(config.dim, config.dim)
        self.context_projection = nn.Linear(encoder.dim, config.dim)

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """Return the loss, its terms, and the accuracy of the contrast of frames."""
        config, keys = self.config, torch.stack([combine(batch["key"], half) for half in (0, 1)], dim=1)
        halves = halves_of(batch["ecg"])
        keys = keys.flatten()
        shown = mask_leads(halves, keys, config.lead_masking, config.lead_fill, Stream.ECG_FM_LEADS)
        features = self.encoder.conv_features(shown)
        masked = self._masked(keys, features.shape[2])
        x = self.encoder.project(features)
        context = self.encoder.contextualise(torch.where(masked[..., None], self.mask_token.to(x), x))
        frames, accuracy, diversity = self._frames(batch, keys, features, context, masked)
        squares = features.float().square().mean((1, 2))
        penalty = share_of_mean(squares)
        loss = frames + config.disuse_weight * diversity + config.feature_weight * penalty
        scalars = {"frames": frames, "accuracy": accuracy, "diversity_loss": diversity}
        if config.patient_weight:
            vectors = gather(context.mean(1).unflatten(0, (-1, 2)))
            patient = gather(batch["patient"])
            first, second = vectors[None, :, 0], vectors[None, :, 1]
            scalars["halves"] = patient_contrast(first, second, patient, config.patient_temperature) / 2
            loss = loss + config.patient_weight * scalars["halves"]
        return {"loss": loss, **{name: value.detach() for name, value in scalars.items()}}

    def _frames(
        self,
        batch: Batch,
        keys: Int[Tensor, " half"],
        features: Float[Tensor, "half channel frame"],
        context: Float[Tensor, "half frame dim"],
        masked: Bool[Tensor, "half frame"],
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""], Float[Tensor, ""]]:
        """Return the contrast of masked frames, its accuracy, and the diversity loss of the codebooks."""
        config = self.config
        frames = self.encoder.dropout(self.encoder.conv_norm(features.transpose(1, 2)))
        noise = None
        if self.training:
            draw = uniform(keys, frames.shape[1], config.groups, config.entries, stream=Stream.ECG_FM_GUMBEL)
            noise = -(-draw.clamp(1e-7, 1 - 1e-7).log()).log()
        temperature = config.gumbel_first * config.gumbel_factor ** batch["step"]
        quantised = self.quantiser(frames, max(temperature, config.gumbel_least), noise)
        errors, correct = masked_frame_contrast(
            self.context_projection(context),
            self.target_projection(quantised.vectors),
            quantised.entries,
            masked,
            uniform(keys, masked.shape[1], config.negatives, stream=Stream.ECG_FM_NEGATIVES),
            config.temperature,
        )
        count = share_of_count(masked.sum().to(errors.dtype))
        usage = sum_over_ranks(quantised.probabilities.sum((0, 1)))
        diversity = diversity_loss(usage / usage.sum(1, keepdim=True))
        return errors.sum() / count, correct.sum() / count, diversity

    def _masked(self, keys: Int[Tensor, " half"], frames: int) -> Bool[Tensor, "half frame"]:
        """Return which frames are masked: at least two spans, which may overlap."""
        span = self.config.span
        places = frames - span + 1
        extra = uniform(keys, 1, stream=Stream.ECG_FM_SPAN_COUNT)
        spans = (self.config.masked * frames / span + extra).long().clamp(min=2)
        rank = uniform(keys, places, stream=Stream.ECG_FM_SPAN_STARTS).argsort(-1).argsort(-1)
        starts = (rank < spans).float()
        with without_autocast(starts.device):
            covered = torch.nn.functional.conv1d(
                starts[:, None], starts.new_ones(1, 1, span), padding=span - 1
            )
        return covered[:, 0] > 0
