"""What an exported file answers besides the embedding: similarities with labels, or their probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["AnswerHead", "Group", "Head", "SimilarityHead", "any_of_single"]

_RARE = -10.0
_SMALL = 0.05


class Head(Protocol):
    """Scores the labels of a file.

    Attributes:
        labels: their names, in the order of the scores.
        output: what the scores are: "similarity" or "probability".
        needs: the part of a method that it calls.
    """

    labels: Sequence[str]
    output: str
    needs: str

    def __call__(
        self, method: Any, signal: Float[Tensor, "batch lead samples"]
    ) -> Float[Tensor, "batch label"]:
        """Return the score of each label for each preprocessed ECG."""
        ...


class SimilarityHead(nn.Module):
    """Similarities of the unit vector of an ECG with labels: its product with a matrix.

    Args:
        labels: name of each column of the matrix.
        matrix: the similarity of an ECG with each label is the product of its unit vector and this matrix.
    """

    output, needs = "similarity", "project_ecg"
    matrix: Float[Tensor, "dim label"]

    def __init__(self, labels: Sequence[str], matrix: Float[Tensor, "dim label"]) -> None:
        super().__init__()
        self.labels = labels
        self.register_buffer("matrix", matrix.float())

    def forward(
        self, method: Any, signal: Float[Tensor, "batch lead samples"]
    ) -> Float[Tensor, "batch label"]:
        """Return the similarities."""
        similarities: Tensor = method.project_ecg(signal) @ self.matrix
        return similarities


@dataclass(frozen=True)
class Group:
    """The statements of a label, as rows of the statements of a head, and its calibration.

    Attributes:
        statements: any of these makes the label apply.
        against: their log odds are subtracted.
        slope, bias: of the calibrated log odds.
    """

    statements: Sequence[int]
    against: Sequence[int] = ()
    slope: float = 1.0
    bias: float = 0.0


class AnswerHead(nn.Module):
    """Probabilities that any statement of a label applies, for a method that answers statements.

    Args:
        labels: name of each label.
        statements: the vectors of all statements.
        groups: those of each label.
    """

    output, needs = "probability", "answers"
    statements: Float[Tensor, "statement dim"]

    def __init__(
        self, labels: Sequence[str], statements: Float[Tensor, "statement dim"], groups: Sequence[Group]
    ) -> None:
        super().__init__()
        self.labels, self.groups = labels, groups
        self.register_buffer("statements", statements.float().clone())

    def forward(
        self, method: Any, signal: Float[Tensor, "batch lead samples"]
    ) -> Float[Tensor, "batch label"]:
        """Return the probabilities."""
        logits = method.answers(signal, self.statements)
        odds = []
        for group in self.groups:
            own = any_of_single(logits[:, list(group.statements)])
            if group.against:
                own = own - any_of_single(logits[:, list(group.against)])
            odds.append(group.slope * own + group.bias)
        return torch.stack(odds, dim=1).sigmoid()


def any_of_single(logits: Float[Tensor, "record statement"]) -> Float[Tensor, " record"]:
    """Return the log odds that at least one of several independent statements applies.

    As `melp.evaluation.answers.any_of`, but in float32 and without `expm1`, which ONNX does not have: where
    exp(x) is so small or so near to 1 that digits would be lost, the first terms of its series replace it.
    """
    rare = logits < _RARE
    none = torch.where(rare, logits.clamp(max=_RARE).exp(), F.softplus(logits.clamp(min=_RARE))).sum(1)
    small = none.clamp(max=_SMALL)
    series = small.log() + small / 2 + small.square() / 24
    large = none.clamp(min=_SMALL)
    return torch.where(none < _SMALL, series, large + torch.log1p(-(-large).exp()))
