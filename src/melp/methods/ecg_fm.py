"""ECG-FM: wav2vec 2.0 on ECGs, with the two halves of a recording contrasted and leads masked."""

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
from melp.errors import MelpError, check_choices, check_ranges
from melp.losses.gather import gather, share_of_count, share_of_mean, sum_over_ranks
from melp.losses.masked_frames import diversity_loss, masked_frame_contrast
from melp.losses.patient_contrast import patient_contrast
from melp.methods._base import Batch, EncoderConfig, Inputs, Method
from melp.methods._views import halves_of
from melp.nn import list_encoders
from melp.nn.quantiser import GumbelQuantiser
from melp.nn.wav2vec2 import Wav2Vec2Encoder

_STARTS, _COUNT, _NEGATIVES, _GUMBEL = range(4)  # streams of random numbers


@dataclass(frozen=True)
class ECGFMConfig(EncoderConfig):
    """Options of ECG-FM (C: fairseq-signals and ECG-FM's code)."""

    encoders: ClassVar[Sequence[str]] = list_encoders(Wav2Vec2Encoder)

    encoder: str = "wav2vec2_base"
    """wav2vec 2.0 encoder (C): wav2vec2_tiny, _small, _base or _large."""
    lead_masking: float = 0.5
    """Probability that a lead of a half is blanked (C, random lead masking)."""
    lead_fill: str = "isoelectric"
    """What a blanked lead holds: isoelectric, or zero (C)."""
    masked: float = 0.65
    """Share of the frames that masked spans would cover if none overlapped (C)."""
    span: int = 10
    """Frames of a masked span (C)."""
    negatives: int = 100
    """Frames that each masked frame is contrasted with (C)."""
    temperature: float = 0.1
    """Of the cosines of frames (C)."""
    groups: int = 2
    """Codebooks of the quantiser (C)."""
    entries: int = 320
    """Entries of each (C)."""
    dim: int = 256
    """Width in which frames are compared (C)."""
    gumbel_first: float = 2.0
    """Temperature of the quantiser at the first step (C)."""
    gumbel_least: float = 0.5
    """Below which it does not fall (C)."""
    gumbel_factor: float = 0.999995
    """By which each step multiplies it (C)."""
    disuse_weight: float = 0.1
    """Of unevenly used codebook entries (C)."""
    feature_weight: float = 10.0
    """Of the mean square of the convolutions' output (C)."""
    patient_weight: float = 1.0
    """Of the contrast between halves of recordings, CMSC (C); 0 leaves wav2vec 2.0 alone."""
    patient_temperature: float = 0.1
    """Of its cosines (C)."""

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
    """Guesses hidden stretches of a recording, and knows the other half of it.

    Convolutions turn each half of a recording into frames. Spans of frames are replaced by one learned vector
    before the transformer, which has to say from the rest what was there: at each masked frame its output is
    to be nearer to the frame that was hidden than to other hidden frames of the same half. What is guessed is
    not the frame itself but its quantised form, a choice out of two small codebooks, so that noise need not
    be guessed. At the same time the mean outputs of both halves of a patient's recordings are to find each
    other in the batch (CMSC), and leads are blanked at random (RLM), so that any set of leads will do.

    In words: loss = mean over masked frames of -log softmax over own and other frames of (cosine / t)
    + 0.1 * unevenness of the codebooks + 10 * mean square of the convolutions' output
    + mean over pairs of one patient of -log softmax over the batch of (cosine / t), both directions halved.

    Paper: Oh, Chung, Kwon, Hong and Choi, "Lead-agnostic Self-supervised Learning for Local and Global
    Representations of Electrocardiogram", CHIL 2022; larger in McKeen et al., "ECG-FM: An Open
    Electrocardiogram Foundation Model", 2024.

    Differences:
        * Each recording has its own number of masked spans; the published code draws one for a batch.
        * The loss is a mean over masked frames, to which the published sums come down.
        * Cosines have their whole gradient, where the published CMSC takes the lengths as constants.
        * MELP's variant leaves the two small terms out and never lowers the quantiser's temperature; here
          they are as in fairseq-signals. Blanked leads hold their baseline.
    """

    paper: ClassVar[str] = "Oh et al., Lead-agnostic SSL (wav2vec 2.0 + CMSC + RLM), CHIL 2022"
    needs: ClassVar[tuple[str, ...]] = ("ecg", "patient")
    Config: ClassVar[type] = ECGFMConfig
    config: ECGFMConfig
    encoder: Wav2Vec2Encoder

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
        self.hidden_frame = nn.Parameter(torch.randn(encoder.dim) * encoder.dim**-0.5)
        self.quantiser = GumbelQuantiser(channels, config.dim, config.groups, config.entries)
        self.target_projection = nn.Linear(config.dim, config.dim)
        self.context_projection = nn.Linear(encoder.dim, config.dim)

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """The whole loss, the contrast of frames, how often it is right, and the contrast of halves."""
        config, keys = self.config, torch.stack([combine(batch["key"], half) for half in (0, 1)], dim=1)
        halves = halves_of(batch["ecg"])
        keys = keys.flatten()
        features = self.encoder.conv_features(mask_leads(halves, keys, config.lead_masking, config.lead_fill))
        masked = self._masked(keys, features.shape[2])
        x = self.encoder.project(features)
        context = self.encoder.contextualise(torch.where(masked[..., None], self.hidden_frame.to(x), x))
        frames, right, disuse = self._frames(batch, keys, features, context, masked)
        squares = features.float().square().mean((1, 2))
        penalty = share_of_mean(squares)
        loss = frames + config.disuse_weight * disuse + config.feature_weight * penalty
        scalars = {"frames": frames, "right": right, "codebook_disuse": disuse}
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
        """The contrast of masked frames, the share that is right, and how unevenly codebooks are used."""
        config = self.config
        whole = self.encoder.dropout(self.encoder.conv_norm(features.transpose(1, 2)))
        noise = None
        if self.training:
            draw = uniform(keys, whole.shape[1], config.groups, config.entries, stream=_GUMBEL)
            noise = -(-draw.clamp(1e-7, 1 - 1e-7).log()).log()
        temperature = config.gumbel_first * config.gumbel_factor ** batch["step"]
        quantised = self.quantiser(whole, max(temperature, config.gumbel_least), noise)
        each, right = masked_frame_contrast(
            self.context_projection(context),
            self.target_projection(quantised.vectors),
            quantised.entries,
            masked,
            uniform(keys, masked.shape[1], config.negatives, stream=_NEGATIVES),
            config.temperature,
        )
        count = share_of_count(masked.sum().to(each.dtype))
        used = sum_over_ranks(quantised.probabilities.sum((0, 1)))
        disuse = diversity_loss(used / used.sum(1, keepdim=True))
        return each.sum() / count, right.sum() / count, disuse

    def _masked(self, keys: Int[Tensor, " half"], frames: int) -> Bool[Tensor, "half frame"]:
        """Which frames are hidden: spans that may overlap, two at the least."""
        span = self.config.span
        places = frames - span + 1
        wanted = (self.config.masked * frames / span + uniform(keys, 1, stream=_COUNT)).long().clamp(min=2)
        rank = uniform(keys, places, stream=_STARTS).argsort(-1).argsort(-1)
        starts = (rank < wanted).float()
        covered = torch.nn.functional.conv1d(starts[:, None], starts.new_ones(1, 1, span), padding=span - 1)
        return covered[:, 0] > 0
