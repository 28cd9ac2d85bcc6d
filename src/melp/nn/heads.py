"""Multi-layer perceptrons: projection and prediction heads, discriminators."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from melp.nn.batch_norm import BatchNorm1d


def mlp(
    widths: Sequence[int],
    norm: bool = True,
    last_norm: bool = False,
    activation: type[nn.Module] = nn.ReLU,
) -> nn.Sequential:
    """Build a multi-layer perceptron from vectors [batch, first width] to [batch, last width].

    Args:
        widths: of the input, of each hidden layer and of the output.
        norm: whether batch norm (over all processes) precedes each activation, whose layer then has no bias.
        last_norm: whether the output has batch norm without scale and shift; its layer then has no bias.
        activation: between the layers.
    """
    layers: list[nn.Module] = []
    last = len(widths) - 2
    for number, (before, after) in enumerate(pairwise(widths)):
        normed = last_norm if number == last else norm
        layers.append(nn.Linear(before, after, bias=not normed))
        if normed:
            layers.append(BatchNorm1d(after, affine=number != last))
        if number != last:
            layers.append(activation())
    return nn.Sequential(*layers)
