"""The base class of all methods: a module that maps a batch to a loss, and ECGs to embeddings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NotRequired, TypedDict

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from melp.data.bank import StatementBank
from melp.ecg import LEADS
from melp.errors import MelpError, check_choices
from melp.nn import Encoder, build_encoder, list_encoders
from melp.nn.parameters import weight_decay_groups
from melp.text.model import LanguageModel


class Bank(TypedDict):
    """The bank of statements (`melp.data.bank`), the same in every batch of a training."""

    tokens: Int[Tensor, "statement token"]
    """Word pieces of each statement."""
    sentence: Int[Tensor, "statement token"]
    """0 for the word pieces of the statement; -1 for special tokens and padding."""
    log_odds: Float[Tensor, " statement"]
    """Log odds that a training report makes or implies each statement."""
    number: int
    """A number that identifies the bank."""


class Batch(TypedDict):
    """A batch as a method reads it; the text entries exist only if the method needs text."""

    ecg: Float[Tensor, "batch lead time"]
    """Preprocessed ECGs."""
    patient: Int[Tensor, " batch"]
    """Number of the patient of each record."""
    key: Int[Tensor, " batch"]
    """Seed of the random numbers of each record in this step."""
    step: int
    """Optimiser steps done."""
    steps: int
    """Optimiser steps of the whole training."""
    tokens: NotRequired[Int[Tensor, "batch token"]]
    """Word pieces of the statements shown."""
    sentence: NotRequired[Int[Tensor, "batch token"]]
    """Number of the statement of each word piece; -1 for special tokens and padding."""
    report: NotRequired[Int[Tensor, "batch report_token"]]
    """Word pieces of the whole report, if the statements shown differ from it."""
    shown_statements: NotRequired[Int[Tensor, "batch statement"]]
    """Numbers of the statements shown; 0 is padding."""
    all_statements: NotRequired[Int[Tensor, "batch report_statement"]]
    """Numbers of all statements of the report; 0 is padding."""
    stated: NotRequired[Bool[Tensor, "batch bank"]]
    """Which statements of the bank the report makes or implies; only if the method needs a bank."""
    bank: NotRequired[Bank]
    """The bank, if the method needs one."""


@dataclass(frozen=True)
class Inputs:
    """The input that a method is built for."""

    leads: int = 12
    """Leads of the preprocessed ECG."""
    samples: int = 5000
    """Samples of the preprocessed ECG."""
    rate: float = 500
    """Sampling rate of the preprocessed ECG, in Hz."""
    language: LanguageModel | None = None
    """Language model, for methods that need text."""
    names: tuple[str, ...] = LEADS
    """Names of the leads."""
    statements: Sequence[str] = ()
    """Statements of the bank of the training, for methods that have one."""


@dataclass(frozen=True)
class EncoderConfig:
    """Options of every method whose encoder can be chosen."""

    encoders: ClassVar[Sequence[str]] = list_encoders()
    """Choices of the option `encoder`."""
    probes: ClassVar[tuple[str, ...]] = ("frames", "stages")
    """Choices of the option `probe`."""

    encoder: str = "resnet18"
    """ECG encoder: a name of `melp encoders` (the published comparison: MERL's ResNet-18)."""
    encoder_options: dict[str, Any] = field(default_factory=dict)
    """Sizes of the encoder that differ from its preset."""
    probe: str = "frames"
    """Embedding: frames (the encoder's vector, usually its mean frame) or stages (the mean outputs of its
    stages, concatenated)."""

    def __post_init__(self) -> None:
        check_choices("method", self, {"encoder": self.encoders, "probe": self.probes})


class Method(nn.Module, ABC):
    """A pretraining method: its networks, its loss, its embedding.

    Each file in `melp/methods/` defines one subclass, with its docstring as documentation and its `Config` as
    options.

    Attributes:
        paper: the publication.
        needs: which of `ecg`, `text`, `patient` and `bank` a batch must contain.
        similarity: how texts are compared with ECGs in zero-shot classification, if no other way is asked for
            (`melp.evaluation.zero_shot.SIMILARITIES`).
        least_loss: lower bound of the loss.
        least_batch: least number of records in the joined batch of all processes; see `least_records`.
        stages: names of the stages, for a method that is trained in several. Each stage is a separate
            training that starts with the weights of the previous one; the option `stage` names the current
            one, and only its parameters are trained.
        requires_loss: for methods such as `generate`, the option with the weight of the loss that trains
            them; with a weight of 0, using them is an error.
        encoder: the ECG encoder, built by `new_encoder`.
    """

    paper: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]
    Config: ClassVar[type]
    least_loss: ClassVar[float] = 0.0
    least_batch: ClassVar[int] = 2
    stages: ClassVar[tuple[str, ...]] = ()
    requires_loss: ClassVar[Mapping[str, str]] = {}
    similarity: ClassVar[str] = "global"
    encoder: Encoder

    def __init__(self, config: Any, inputs: Inputs) -> None:
        super().__init__()
        self.config, self.inputs = config, inputs
        if "text" in self.needs and inputs.language is None:
            raise MelpError(
                f"{type(self).__name__}: no language model found, wanted one (method.text=FOLDER)"
            )
        self.encoder = self.new_encoder(config, inputs)

    @staticmethod
    def new_encoder(config: Any, inputs: Inputs) -> Encoder:
        """Build the untrained encoder of the config, for the method or for a classifier."""
        return build_encoder(
            config.encoder, inputs.leads, inputs.samples, inputs.rate, **config.encoder_options
        )

    @abstractmethod
    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """Return `loss` and further scalars for the log.

        Random numbers are a function of each record's `key`, and schedules a function of `progress(batch)`,
        so that a repeated step gives the same result.
        """

    def embed(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """Return the embeddings of preprocessed ECGs that a linear probe reads (option `probe`)."""
        if getattr(self.config, "probe", "frames") == "stages":
            return torch.cat([stage.mean(-1) for stage in self.encoder.stages(ecg)], dim=1)
        return self.encoder.embed(ecg)

    @classmethod
    def least_records(cls, config: Any, ranks: int = 1) -> int:
        """Return the least number of records in the joined batch of `ranks` processes."""
        return cls.least_batch

    @classmethod
    def new_bank(cls, config: Any, reports: Iterable[Sequence[str]]) -> StatementBank:
        """Return the bank of the training reports, given as statements, for a method that needs one."""
        return StatementBank.of_reports(reports)

    def begin(self, bank: Bank) -> None:
        """Set what depends on the bank of the training, before the first step."""

    @classmethod
    def pairs_patients(cls, config: Any) -> bool:
        """Return whether the loss needs patients with several recordings."""
        return False

    def renamed(self, weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Return the weights of a file, those of an earlier version by the names of this one."""
        return weights

    def after_step(self, step: int, steps: int) -> None:
        """Update moving averages, codebooks or bounds after each optimiser step.

        Args:
            step: optimiser steps done.
            steps: optimiser steps of the whole training.
        """

    def param_groups(self) -> list[dict[str, Any]]:
        """Return the optimiser's parameter groups, with an optional `lr_factor`.

        Only the matrices of layers decay, see `melp.nn.parameters`.
        """
        return weight_decay_groups(self)

    def weighted_sum(self, losses: Mapping[str, Float[Tensor, ""]]) -> dict[str, Float[Tensor, ""]]:
        """Return `loss`, the sum of all losses times their options `NAME_weight`, and each loss."""
        terms = [getattr(self.config, f"{name}_weight") * value for name, value in losses.items()]
        return {"loss": torch.stack(terms).sum(), **losses}


def progress(batch: Batch) -> float:
    """Return the share of the training that is done, from 0 at the first step to 1 after the last."""
    return batch["step"] / max(batch["steps"], 1)
