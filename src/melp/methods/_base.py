"""What every method is: a module that turns a batch into a loss, and ECGs into embeddings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from jaxtyping import Float, Shaped
from torch import Tensor, nn

from melp.errors import MelpError
from melp.nn.base import Encoder
from melp.text.model import LanguageModel

Batch = Mapping[str, Shaped[Tensor, "batch ..."]]
"""`ecg` [B, lead, time]; `patient` [B]; `key` [B], the randomness of each record; with text also `tokens` and
`sentence` [B, L]."""


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


class Method(nn.Module, ABC):
    """A pretraining method: its networks, its loss, its embedding.

    A file of `melp/methods/` holds one subclass. Its docstring documents it, its `Config` has its options.

    Attributes:
        paper: where it is described.
        needs: which of `ecg`, `text`, `patient` a batch must hold.
        encoder: the ECG encoder.
    """

    paper: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]
    Config: ClassVar[type]
    encoder: Encoder

    def __init__(self, config: Any, inputs: Inputs) -> None:
        super().__init__()
        self.config, self.inputs = config, inputs
        if "text" in self.needs and inputs.language is None:
            raise MelpError(
                f"{type(self).__name__}: no language model found, wanted one (method.text=FOLDER)"
            )

    @abstractmethod
    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """`loss`, and further scalars worth a line in the log."""

    @abstractmethod
    def embed(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """What a linear probe sees of preprocessed ECGs."""

    def after_step(self) -> None:
        """Called after each optimiser step: momentum encoders, queues, clamps."""

    def param_groups(self) -> list[dict[str, Any]]:
        """Groups for the optimiser, each with an optional `lr_factor`; one of all that is trainable."""
        return [{"params": [parameter for parameter in self.parameters() if parameter.requires_grad]}]


def defaults(config: type) -> dict[str, Any]:
    """Options of a method and their defaults."""
    return {field.name: getattr(config(), field.name) for field in fields(config)}
