"""An encoder with a linear head, trained with labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from melp.losses.gather import share_of_mean
from melp.nn.base import Encoder
from melp.nn.parameters import weight_decay_groups


class Classifier(nn.Module):
    """An encoder and a linear head on its vectors, trained with binary cross entropy.

    Args:
        encoder: the ECG encoder.
        classes: number of classes, not mutually exclusive.
        encoder_rate: factor on the learning rate of the encoder.
    """

    def __init__(self, encoder: Encoder, classes: int, encoder_rate: float = 1.0) -> None:
        super().__init__()
        self.encoder, self.encoder_rate = encoder, encoder_rate
        self.head = nn.Linear(encoder.dim, classes)

    def embed(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """Return the vectors of preprocessed ECGs that the head classifies."""
        return self.encoder.embed(ecg)

    def logits(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch class"]:
        """Return the log-odds of each class."""
        logits: Tensor = self.head(self.embed(ecg))
        return logits

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Float[Tensor, ""]]:
        """Return the loss of a batch with `ecg` and `labels`."""
        logits, labels = self.logits(batch["ecg"]), batch["labels"]
        errors = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
        return {"loss": share_of_mean(errors.mean(1))}

    def param_groups(self) -> list[dict[str, Any]]:
        """Return the optimiser groups of encoder and head; only the matrices of layers decay."""
        encoder = weight_decay_groups(self.encoder, lr_factor=self.encoder_rate)
        return encoder + weight_decay_groups(self.head, lr_factor=1.0)
