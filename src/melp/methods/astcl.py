"""ASTCL: a noisy and a denoised view that predict each other and that a discriminator cannot distinguish."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from melp.augment.leads import mask_leads
from melp.augment.random import combine
from melp.augment.streams import Stream
from melp.errors import MelpError, check_ranges
from melp.losses.gather import gather, share_of_mean
from melp.losses.gradient_reversal import reverse_gradient
from melp.losses.negative_cosine import negative_cosine
from melp.losses.patient_agreement import patient_agreement
from melp.losses.whitening import whiten
from melp.methods._base import Batch, EncoderConfig, Inputs, Method
from melp.methods._views import augmentation_of, view_of
from melp.nn.heads import mlp
from melp.signal.filters import band_pass


@dataclass(frozen=True)
class ASTCLConfig(EncoderConfig):
    """Options of ASTCL (A: the abstract; values that it does not state are chosen here)."""

    noise: str = "fairseq_noise"
    """Augmentations of the noisy view (A: noise that occurs in ECGs)."""
    noise_options: dict[str, Any] = field(default_factory=dict)
    """Fields of `melp.augment.Augmentation` that differ from `noise`."""
    lowest: float = 0.67
    """Lower cut-off in Hz of the band-pass filter of the denoised view (A: denoised)."""
    highest: float = 40.0
    """Upper cut-off in Hz."""
    hidden_leads: float = 0.3
    """Probability that a lead of a half is masked (chosen)."""
    dim: int = 128
    """Hidden and output width of both projection heads (chosen)."""
    hidden: int = 128
    """Hidden width of both prediction heads (chosen)."""
    discriminator: int = 128
    """Hidden width of the discriminator (chosen)."""
    adversarial_weight: float = 0.1
    """Weight of the adversarial loss (chosen)."""
    spatiotemporal_weight: float = 1.0
    """Weight of the prediction across time and leads (chosen)."""
    patient_weight: float = 1.0
    """Weight of the agreement of a patient's recordings (chosen)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        augmentation_of(self, "noise")
        weights = tuple(f"{name}_weight" for name in ("adversarial", "spatiotemporal", "patient"))
        sizes = ("lowest", "highest", "dim", "hidden", "discriminator")
        check_ranges("method", self, {"hidden_leads": (0, 0.99)}, above=sizes + weights)
        if self.lowest >= self.highest:
            raise MelpError(f"method.highest: {self.highest} found, wanted more than lowest, {self.lowest}")


class ASTCL(Method):
    """Makes vectors invariant to noise: a noisy and a denoised view predict each other.

    Each recording has two views. One has added noise like that of electrodes (baseline wander and shifts,
    mains, muscles); the other is filtered to the frequency band of ECGs. Both are cut in halves, and in each
    half some leads are masked. The encoder reads the four pieces.

    There are three losses. A discriminator classifies the view of a piece from its vector. Its gradient is
    reversed on the way to the encoder, which so learns to remove noise from the vector (adversarial module).
    A head predicts the vector of a half from that of the other half of the other view, in which other leads
    are masked (spatiotemporal prediction). Another head predicts the mean vector of one view from that of
    the other, for the same recording and all others of the same patient in the batch (patient
    discrimination). There are no negatives. A predictor on one side and a stopped gradient on the other, in
    turn, prevent a collapse to one vector. The targets are whitened over the batch, which prevents a collapse
    to a few dimensions.

    In words: loss = 0.1 * cross entropy of the discriminator, with reversed gradient + mean over the four
    pieces of (1 - cosine(prediction, other half of the other view, whitened)) + mean over both views and over
    pairs of recordings of one patient of (1 - cosine(prediction, other view, whitened)).

    Paper: "Adversarial Spatiotemporal Contrastive Learning for Electrocardiogram Signals", IEEE Transactions
    on Neural Networks and Learning Systems 35(10), 13845-13859, 2024, doi:10.1109/TNNLS.2023.3272153.

    Differences:
        * Only the abstract was available, and there is no published code. The abstract states the two kinds
          of views, the adversarial training, spatiotemporal prediction and patient discrimination, positives
          of the same patient only, and predictor and stopped gradient in turn. Everything else is chosen
          here: above all that prediction across leads is between pieces with different masked leads, the
          heads, the weights, and the encoder (that of the comparison in MERL and MELP).
        * Targets are whitened. With predictor and stopped gradient only, the views of some thousand
          recordings agree after some dozen steps, and a probe of the encoder is worse than before.
        * Encoder and discriminator are trained in one step by gradient reversal (Ganin and Lempitsky 2015);
          the paper's procedure is not known.
        * If a batch contains one recording of each patient, its two views are the only positives.
        * The loss is a poor measure of what was learned, so recipes keep the last weights.
    """

    paper: ClassVar[str] = "Adversarial Spatiotemporal Contrastive Learning (ASTCL), IEEE TNNLS 2024"
    needs: ClassVar[tuple[str, ...]] = ("ecg", "patient")
    Config: ClassVar[type] = ASTCLConfig
    config: ASTCLConfig

    def __init__(self, config: ASTCLConfig, inputs: Inputs) -> None:
        super().__init__(config, inputs)
        width, dim = self.encoder.dim, config.dim
        self.discriminator = mlp((width, config.discriminator, 1), norm=False)
        self.time_projector, self.patient_projector = (
            mlp((width, dim, dim), last_norm=True) for _ in range(2)
        )
        self.time_predictor, self.patient_predictor = (mlp((dim, config.hidden, dim)) for _ in range(2))

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """Return the weighted sum of the three losses, and each loss."""
        pieces = self._pieces(batch)
        vectors = self.encoder.embed(pieces.flatten(0, 2)).unflatten(0, pieces.shape[:3])
        losses = {
            "adversarial": self._adversarial(vectors),
            "spatiotemporal": self._spatiotemporal(vectors),
            "patient": self._patient(vectors, batch),
        }
        return self.weighted_sum(losses)

    def _pieces(self, batch: Batch) -> Float[Tensor, "2 2 batch lead half"]:
        """Return both halves of the noisy and the denoised view, with some leads of each masked."""
        ecg, keys, config = batch["ecg"], batch["key"], self.config
        noisy = view_of(batch, config, "noise", self.inputs, 0)
        denoised = band_pass(ecg, self.inputs.rate, config.lowest, config.highest)
        half = ecg.shape[-1] // 2
        halves = [view[..., start : start + half] for view in (noisy, denoised) for start in (0, half)]
        pieces = [
            mask_leads(piece, combine(keys, Stream.ASTCL_LEADS_KEYS.number, number), config.hidden_leads)
            for number, piece in enumerate(halves)
        ]
        return torch.stack(pieces).unflatten(0, (2, 2))

    def _adversarial(self, vectors: Float[Tensor, "2 2 batch width"]) -> Float[Tensor, ""]:
        """Return the cross entropy of the discriminator; the encoder maximises it."""
        logits = self.discriminator(reverse_gradient(vectors))[..., 0].float()
        noisy = torch.zeros_like(logits)
        noisy[0] = 1.0
        errors = F.binary_cross_entropy_with_logits(logits, noisy, reduction="none").mean((0, 1))
        return share_of_mean(errors)

    def _spatiotemporal(self, vectors: Float[Tensor, "2 2 batch width"]) -> Float[Tensor, ""]:
        """Return the distance of the prediction from each half to the other half of the other view."""
        projected = self.time_projector(vectors.flatten(0, 2))
        predicted = self.time_predictor(projected)
        # [view, half, batch, dim]
        predicted, projected = (x.unflatten(0, vectors.shape[:3]) for x in (predicted, projected))
        target = whiten(_gather_pieces(projected.flip((0, 1))))
        return 1 + negative_cosine(_gather_pieces(predicted), target)

    def _patient(self, vectors: Float[Tensor, "2 2 batch width"], batch: Batch) -> Float[Tensor, ""]:
        """Return the distance of each view's prediction to the other view of the patient's recordings."""
        projected = self.patient_projector(vectors.mean(1).flatten(0, 1))
        predicted = self.patient_predictor(projected)
        patient = gather(batch["patient"])
        noisy, denoised = whiten(torch.cat([gather(view) for view in projected.chunk(2)])).chunk(2)
        from_noisy, from_denoised = (gather(view) for view in predicted.chunk(2))
        agreement = patient_agreement(from_noisy, denoised, patient)
        return 1 + (agreement + patient_agreement(from_denoised, noisy, patient)) / 2


def _gather_pieces(pieces: Float[Tensor, "2 2 batch dim"]) -> Float[Tensor, "piece dim"]:
    """Return the pieces of all processes, those of each record in adjacent rows."""
    return gather(pieces.permute(2, 0, 1, 3).contiguous()).flatten(0, 2)
