"""What every method is: a module that turns a batch into a loss, and ECGs into embeddings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NotRequired, TypedDict

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from melp.ecg import LEADS
from melp.errors import MelpError, check_choices
from melp.nn import Encoder, build_encoder, list_encoders
from melp.nn.parameters import decay_groups
from melp.text.model import LanguageModel


class Batch(TypedDict):
    """What a method reads; the entries of text are there only if the method needs text."""

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


@dataclass(frozen=True)
class Inputs:
    """What a method is built for, beside its `Config`."""

    leads: int = 12
    """Leads of the preprocessed ECG."""
    samples: int = 5000
    """Samples of the preprocessed ECG."""
    rate: float = 500
    """Hz of the preprocessed ECG."""
    language: LanguageModel | None = None
    """Of methods that need text."""
    names: tuple[str, ...] = LEADS
    """Names of the leads."""


@dataclass(frozen=True)
class EncoderConfig:
    """Options of every method whose encoder can be chosen."""

    encoders: ClassVar[Sequence[str]] = list_encoders()
    """What the option `encoder` may be."""
    probes: ClassVar[tuple[str, ...]] = ("frames", "stages")
    """What the option `probe` may be."""

    encoder: str = "resnet18"
    """ECG encoder: a name of `melp encoders` (the published comparison: MERL's ResNet-18)."""
    encoder_options: dict[str, Any] = field(default_factory=dict)
    """Sizes of the encoder that differ from its preset."""
    probe: str = "frames"
    """What `embed` gives: frames (the encoder's own vector, mostly its mean frame) or stages (mean output of
    each of its stages, side by side)."""

    def __post_init__(self) -> None:
        check_choices("method", self, {"encoder": self.encoders, "probe": self.probes})


class Method(nn.Module, ABC):
    """A pretraining method: its networks, its loss, its embedding.

    A file of `melp/methods/` holds one subclass. Its docstring documents it, its `Config` has its options.

    Attributes:
        paper: where it is described.
        needs: which of `ecg`, `text`, `patient` a batch must hold.
        least_loss: a bound that its loss never falls below.
        stages: names of its stages, each a training by itself that begins with the weights of the one before;
            none for most. A method that has some is told by the option `stage` which it is in, and trains
            only the parameters of that stage.
        learned_by: abilities (names of methods) that a training leaves without sense where the option named
            beside them, the weight of a loss, is 0.
        encoder: the ECG encoder, built by `new_encoder`.
    """

    paper: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]
    Config: ClassVar[type]
    least_loss: ClassVar[float] = 0.0
    stages: ClassVar[tuple[str, ...]] = ()
    learned_by: ClassVar[Mapping[str, str]] = {}
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
        """`loss`, and further scalars worth a line in the log.

        What is drawn at random is a function of each record's `key`; what changes in the course of the
        training is one of `progress(batch)`. So a step is the same whenever it is done again.
        """

    def embed(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """What a linear probe sees of preprocessed ECGs: the encoder's vector, or the means of its stages."""
        if getattr(self.config, "probe", "frames") == "stages":
            return torch.cat([stage.mean(-1) for stage in self.encoder.stages(ecg)], dim=1)
        return self.encoder.embed(ecg)

    def after_step(self, step: int, steps: int) -> None:
        """Called after each optimiser step: momentum encoders, queues, clamps.

        Args:
            step: how many steps are done.
            steps: of the whole training.
        """

    def param_groups(self) -> list[dict[str, Any]]:
        """Groups for the optimiser, with an optional `lr_factor`; vectors and scalars are not decayed."""
        return decay_groups(parameter for parameter in self.parameters() if parameter.requires_grad)


def with_rate(groups: list[dict[str, Any]], module: nn.Module, factor: float) -> list[dict[str, Any]]:
    """Groups for the optimiser in which the rate of a module's parameters is multiplied by a factor."""
    own = {id(parameter) for parameter in module.parameters()}
    divided = []
    for group in groups:
        parts: tuple[list[Any], list[Any]] = ([], [])
        for parameter in group["params"]:
            parts[id(parameter) in own].append(parameter)
        factors = (group.get("lr_factor", 1.0), factor * group.get("lr_factor", 1.0))
        divided += [
            {**group, "params": part, "lr_factor": each}
            for part, each in zip(parts, factors, strict=True)
            if part
        ]
    return divided


def progress(batch: Batch) -> float:
    """Return the share of the training that is done, from 0 at the first step to 1 after the last."""
    return batch["step"] / max(batch["steps"], 1)
