"""CLOCS: contrasts segments and leads of recordings; those of one patient are positives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from melp.errors import MelpError, check_choices, check_ranges
from melp.losses.gather import gather
from melp.losses.patient_contrast import patient_contrast
from melp.methods._base import Batch, EncoderConfig, Inputs, Method
from melp.methods._views import halves_of
from melp.nn.base import Encoder
from melp.nn.clocs import LeadByLead

FORMS = ("cmsc", "cmlc", "cmsmlc")


@dataclass(frozen=True)
class CLOCSConfig(EncoderConfig):
    """Options of CLOCS (A: the paper; C: its code)."""

    form: str = "cmsc"
    """What is compared (A): cmsc (both halves of a recording), cmlc (its leads) or cmsmlc (both)."""
    leads: str = "single"
    """Input of the encoder: single (A: one lead at a time, with the same network for all) or together
    (fairseq-signals; cmsc only)."""
    encoder: str = "cnn"
    """ECG encoder: a name of `melp encoders` (C: cnn, three convolutions)."""
    dim: int = 256
    """Width of the vectors that are compared (C)."""
    temperature: float = 0.1
    """Temperature of the cosines (C)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choices("method", self, {"form": FORMS, "leads": ("single", "together")})
        if self.leads == "together" and self.form != "cmsc":
            raise MelpError(f"method.form: {self.form!r} found, wanted cmsc if leads are read together")
        check_ranges("method", self, {}, above=("dim", "temperature"))


class CLOCS(Method):
    """Contrasts parts of recordings; parts of one patient's recordings are positives.

    A network for single leads, shared by all leads, maps each lead of each half of a recording to a vector.
    Two vectors of a record are a pair of views: the same lead in both halves (CMSC, multi-segment coding),
    two leads of the same half (CMLC, multi-lead coding), or any two of them (CMSMLC). A vector is contrasted
    with the other views of all records in the batch; all records of the same patient are positives. There is
    no augmentation.

    In words: loss = mean over pairs of views, and over pairs of records of one patient, of -log softmax over
    the batch of (cosine / temperature), in both directions.

    Paper: Kiyasseh, Zhu and Clifton, "CLOCS: Contrastive Learning of Cardiac Signals Across Space, Time, and
    Patients", ICML 2021.

    Differences:
        * All positive pairs of records have the same weight, as in the paper's equation 1; the published code
          averages the pairs on the diagonal and the others separately.
        * A lead's vector is the mean over time and a linear layer; the code flattens a fixed length. So a
          network that was trained on halves reads whole recordings. A probe reads the means of all leads,
          concatenated.
        * Twelve leads; the paper has four. They may be read together, as in fairseq-signals. The published
          CMSC treats each lead as a record, so that other leads of a patient are positives too; here only
          the forms cmlc and cmsmlc compare leads.
    """

    paper: ClassVar[str] = "Kiyasseh, Zhu and Clifton, CLOCS, ICML 2021"
    needs: ClassVar[tuple[str, ...]] = ("ecg", "patient")
    Config: ClassVar[type] = CLOCSConfig
    config: CLOCSConfig

    def __init__(self, config: CLOCSConfig, inputs: Inputs) -> None:
        super().__init__(config, inputs)
        self.parts = inputs.leads if config.leads == "single" else 1
        self.projector = nn.Linear(self.encoder.dim // self.parts, config.dim)
        self.register_buffer("pairs", _pairs(config.form, self.parts), persistent=False)
        self.pairs: Tensor

    @classmethod
    def pairs_patients(cls, config: CLOCSConfig) -> bool:
        """Return True: without recordings of one patient, only parts of the same recording are positives."""
        return True

    @staticmethod
    def new_encoder(config: CLOCSConfig, inputs: Inputs) -> Encoder:
        """Build an encoder of all leads, or an encoder of single leads that reads each lead."""
        if config.leads == "together":
            return Method.new_encoder(config, inputs)
        return LeadByLead(Method.new_encoder(config, replace(inputs, leads=1)), inputs.leads)

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """Return the contrast of all pairs of views that the form compares."""
        halves = halves_of(batch["ecg"])
        # [record and half, lead, width] to [record, half and lead, dim]
        embedded = self.encoder.embed(halves).unflatten(1, (self.parts, -1))
        vectors = self.projector(embedded).unflatten(0, (-1, 2)).flatten(1, 2)
        views = gather(vectors).transpose(0, 1)
        first, second = (views[side] for side in self.pairs)
        return {"loss": patient_contrast(first, second, gather(batch["patient"]), self.config.temperature)}


def _pairs(form: str, leads: int) -> Int[Tensor, "2 pair"]:
    """Return the pairs of views that a form compares; lead l of half h is view h * leads + l."""

    def compared(first: int, second: int) -> bool:
        same_half, same_lead = first // leads == second // leads, first % leads == second % leads
        return {"cmsc": same_lead, "cmlc": same_half, "cmsmlc": True}[form]

    return torch.tensor([pair for pair in combinations(range(2 * leads), 2) if compared(*pair)]).t()
