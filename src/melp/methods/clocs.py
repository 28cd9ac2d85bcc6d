"""CLOCS: what one patient's heart says at another time, or in another lead, is the same."""

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
    """How leads are read: single (A: one by one, all by the same network) or together (fairseq-signals;
    cmsc only)."""
    encoder: str = "cnn"
    """ECG encoder: a name of `melp encoders` (C: cnn, three convolutions)."""
    dim: int = 256
    """Width of the vectors that are compared (C)."""
    temperature: float = 0.1
    """Of the cosines (C)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choices("method", self, {"form": FORMS, "leads": ("single", "together")})
        if self.leads == "together" and self.form != "cmsc":
            raise MelpError(f"method.form: {self.form!r} found, wanted cmsc where leads are read together")
        check_ranges("method", self, {}, above=("dim", "temperature"))


class CLOCS(Method):
    """Contrasts parts of recordings; what belongs to one patient is alike.

    A network for single leads, shared by all, turns each lead of each half of a recording into a vector. Two
    such vectors of a record are a pair of views: the same lead in both halves (CMSC, multi-segment coding),
    two leads of the same half (CMLC, multi-lead), or any two that differ (CMSMLC). Among the records of a
    batch, a vector is to find its partner in the other view. All records of the same patient are right
    answers, not its own alone. Nothing is distorted.

    In words: loss = mean over pairs of views, and over pairs of records of one patient, of -log softmax over
    the batch of (cosine / temperature), in both directions.

    Paper: Kiyasseh, Zhu and Clifton, "CLOCS: Contrastive Learning of Cardiac Signals Across Space, Time, and
    Patients", ICML 2021.

    Differences:
        * All positive pairs of records weigh the same, as in the paper's equation 1; the published code takes
          the mean of those on the diagonal apart from that of the others.
        * A lead's vector is the mean over time and a linear layer, where the code flattens a fixed length: so
          a network that was trained on halves reads whole recordings. A probe reads the means of all leads,
          side by side.
        * Twelve leads, where the paper takes four; they may be read together, as fairseq-signals does.
          Published CMSC counts each lead as a record, so that the other leads of a patient are positives as
          well; here leads are compared where the form says so.
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

    @staticmethod
    def new_encoder(config: CLOCSConfig, inputs: Inputs) -> Encoder:
        """A network that reads all leads, or one for single leads that reads each."""
        if config.leads == "together":
            return Method.new_encoder(config, inputs)
        return LeadByLead(Method.new_encoder(config, replace(inputs, leads=1)), inputs.leads)

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """The contrast between all pairs of views that the form asks for."""
        halves = halves_of(batch["ecg"])
        # [record and half, lead, width] to [record, half and lead, dim]
        read = self.encoder.embed(halves).unflatten(1, (self.parts, -1))
        vectors = self.projector(read).unflatten(0, (-1, 2)).flatten(1, 2)
        views = gather(vectors).transpose(0, 1)
        first, second = (views[side] for side in self.pairs)
        return {"loss": patient_contrast(first, second, gather(batch["patient"]), self.config.temperature)}


def _pairs(form: str, leads: int) -> Int[Tensor, "2 pair"]:
    """Pairs of views; lead l of half h is view h * leads + l."""
    views = [(half, lead) for half in range(2) for lead in range(leads)]
    wanted = {
        "cmsc": lambda one, other: one[0] != other[0] and one[1] == other[1],
        "cmlc": lambda one, other: one[0] == other[0],
        "cmsmlc": lambda one, other: True,
    }[form]
    found = [pair for pair in combinations(range(len(views)), 2) if wanted(*(views[view] for view in pair))]
    return torch.tensor(found).t()
