"""Projection and prediction heads: small perceptrons on an encoder's vectors."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from melp.nn.batch_norm import BatchNorm1d


def perceptron(widths: Sequence[int], norm: bool = True, last_norm: bool = False) -> nn.Sequential:
    """Linear layers with ReLU between them, from vectors [batch, first width] to [batch, last width].

    Args:
        widths: of the input, of each hidden layer and of the output.
        norm: batch norm (over all processes) before each ReLU; its layers have no bias then.
        last_norm: batch norm without scale and shift on the output; that layer has no bias then.
    """
    layers: list[nn.Module] = []
    last = len(widths) - 2
    for number, (before, after) in enumerate(pairwise(widths)):
        normed = last_norm if number == last else norm
        layers.append(nn.Linear(before, after, bias=not normed))
        if normed:
            layers.append(BatchNorm1d(after, affine=number != last))
        if number != last:
            layers.append(nn.ReLU())
    return nn.Sequential(*layers)
