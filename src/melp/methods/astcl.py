"""ASTCL: a noisy and a cleaned view that cannot be told apart, and predict each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from melp.augment import AUGMENTATIONS, make_view
from melp.augment.leads import mask_leads
from melp.augment.random import combine
from melp.errors import MelpError, check_choices, check_ranges
from melp.losses.gather import gather, share_of_mean
from melp.losses.gradient_reversal import reverse_gradient
from melp.losses.negative_cosine import negative_cosine
from melp.losses.patient_agreement import patient_agreement
from melp.losses.whitening import whiten
from melp.methods._base import Batch, EncoderConfig, Inputs, Method
from melp.methods._views import augmentation_of
from melp.nn.heads import mlp
from melp.signal.filters import band_pass

_LEADS = 1  # stream of random numbers, behind that of the noise


@dataclass(frozen=True)
class ASTCLConfig(EncoderConfig):
    """Options of ASTCL (A: the abstract; what it does not say is chosen here)."""

    noise: str = "fairseq_noise"
    """Set of transforms that makes the noisy view (A: noise as ECGs have it)."""
    noise_options: dict[str, Any] = field(default_factory=dict)
    """Fields of `melp.augment.Augmentation` that differ from the set's."""
    lowest: float = 0.67
    """Hz, lower edge of the band that makes the cleaned view (A: denoised)."""
    highest: float = 40.0
    """Hz, its upper edge."""
    hidden_leads: float = 0.3
    """Probability of each lead of each half that it is hidden (chosen)."""
    dim: int = 128
    """Width of both projection heads, hidden and out (chosen)."""
    hidden: int = 128
    """Hidden width of both prediction heads (chosen)."""
    discriminator: int = 128
    """Hidden width of the discriminator (chosen)."""
    adversarial_weight: float = 0.1
    """Of the game with the discriminator (chosen)."""
    spatiotemporal_weight: float = 1.0
    """Of the prediction across time and leads (chosen)."""
    patient_weight: float = 1.0
    """Of the agreement of a patient's recordings (chosen)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choices("method", self, {"noise": sorted(AUGMENTATIONS)})
        augmentation_of(self.noise, self.noise_options)
        weights = tuple(f"{name}_weight" for name in ("adversarial", "spatiotemporal", "patient"))
        sizes = ("lowest", "highest", "dim", "hidden", "discriminator")
        check_ranges("method", self, {"hidden_leads": (0, 0.99)}, above=sizes + weights)
        if self.lowest >= self.highest:
            raise MelpError(f"method.highest: {self.highest} found, wanted more than lowest, {self.lowest}")


class ASTCL(Method):
    """Makes noise not matter: views with and without it predict each other, and none can tell which is which.

    Two views of each recording: one with noise added as electrodes pick it up (baseline wander and shifts,
    mains, muscles), one with what lies outside the band of an ECG taken away. Both are cut in halves, and in
    each half some leads are hidden. The encoder sees the four pieces.

    Three losses. A discriminator is to tell from a piece's vector which view it is of; its gradient is turned
    round on the way to the encoder, which so learns to leave nothing of the noise in the vector (adversarial
    module). From the vector of a half, a head predicts that of the other half in the other view, where other
    leads are hidden: what holds across time and leads (spatiotemporal prediction). From the mean vector of
    one view, another head predicts that of the other view, of the same recording and of all others of the
    same patient in the batch (patient discrimination). There are no negatives: a predictor on one side and a
    stopped gradient on the other, in turn, keep all vectors from becoming the same; and what is predicted is
    whitened over the batch, which keeps them from giving up all but a few directions.

    In words: loss = 0.1 * cross entropy of the discriminator, turned round + mean over the four pieces of
    (1 - cosine(predicted, other half of the other view, whitened)) + mean over both views and over pairs of
    recordings of one patient of (1 - cosine(predicted, other view, whitened)).

    Paper: "Adversarial Spatiotemporal Contrastive Learning for Electrocardiogram Signals", IEEE Transactions
    on Neural Networks and Learning Systems 35(10), 13845-13859, 2024, doi:10.1109/TNNLS.2023.3272153.

    Differences:
        * Only the abstract could be read, and no code is published. From it: the two kinds of views, the game
          of encoder and discriminator, spatiotemporal prediction beside patient discrimination, positives of
          the same patient alone, predictor and stopped gradient in turn. Chosen here: everything else, above
          all that prediction across leads is one between pieces with different leads hidden, the heads, the
          weights, and the encoder (that of the comparison in MERL and MELP).
        * What is predicted is whitened. With predictor and stopped gradient alone, the views of some thousand
          recordings agree after some dozen steps, and a probe of the encoder tells less than before them.
        * Encoder and discriminator are trained in one step by gradient reversal (Ganin and Lempitsky 2015);
          how the paper plays the game is not known.
        * Where a batch holds one recording of each patient, its two views are the only positives.
        * The loss says little of what was learned: recipes keep the last weights.
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
        """The three losses and their weighted sum."""
        pieces = self._pieces(batch)
        vectors = self.encoder.embed(pieces.flatten(0, 2)).unflatten(0, pieces.shape[:3])
        losses = {
            "adversarial": self._adversarial(vectors),
            "spatiotemporal": self._spatiotemporal(vectors),
            "patient": self._patient(vectors, batch),
        }
        total = sum(getattr(self.config, f"{name}_weight") * value for name, value in losses.items())
        return {"loss": total, **losses}

    def _pieces(self, batch: Batch) -> Float[Tensor, "2 2 batch lead half"]:
        """Of the noisy and the cleaned view, both halves, some leads of each hidden."""
        ecg, keys, config = batch["ecg"], batch["key"], self.config
        noise = augmentation_of(config.noise, config.noise_options)
        noisy = make_view(ecg, keys, noise, self.inputs.rate, 0, self.inputs.names)
        clean = band_pass(ecg, self.inputs.rate, config.lowest, config.highest)
        half = ecg.shape[-1] // 2
        halves = [view[..., start : start + half] for view in (noisy, clean) for start in (0, half)]
        hidden = [
            mask_leads(piece, combine(keys, _LEADS, number), config.hidden_leads)
            for number, piece in enumerate(halves)
        ]
        return torch.stack(hidden).unflatten(0, (2, 2))

    def _adversarial(self, vectors: Float[Tensor, "2 2 batch width"]) -> Float[Tensor, ""]:
        """How badly the discriminator tells the views apart; the encoder makes it worse."""
        logits = self.discriminator(reverse_gradient(vectors))[..., 0].float()
        noisy = torch.zeros_like(logits)
        noisy[0] = 1.0
        each = F.binary_cross_entropy_with_logits(logits, noisy, reduction="none").mean((0, 1))
        return share_of_mean(each)

    def _spatiotemporal(self, vectors: Float[Tensor, "2 2 batch width"]) -> Float[Tensor, ""]:
        """How far each half is from predicting the other of the other view."""
        projected = self.time_projector(vectors.flatten(0, 2))
        predicted = self.time_predictor(projected)
        # [view, half, batch, dim]
        predicted, projected = (x.unflatten(0, vectors.shape[:3]) for x in (predicted, projected))
        others = whiten(_joined(projected.flip((0, 1))))
        return 1 + negative_cosine(_joined(predicted), others)

    def _patient(self, vectors: Float[Tensor, "2 2 batch width"], batch: Batch) -> Float[Tensor, ""]:
        """How far each view is from predicting the other, of all recordings of the patient."""
        projected = self.patient_projector(vectors.mean(1).flatten(0, 1))
        predicted = self.patient_predictor(projected)
        patient = gather(batch["patient"])
        one, other = whiten(torch.cat([gather(view) for view in projected.chunk(2)])).chunk(2)
        from_one, from_other = (gather(view) for view in predicted.chunk(2))
        agreements = patient_agreement(from_one, other, patient) + patient_agreement(from_other, one, patient)
        return 1 + agreements / 2


def _joined(pieces: Float[Tensor, "2 2 batch dim"]) -> Float[Tensor, "piece dim"]:
    """Of all processes, the pieces of each record in one row of rows."""
    return gather(pieces.permute(2, 0, 1, 3).contiguous()).flatten(0, 2)
