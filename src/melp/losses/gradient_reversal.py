"""Gradient reversal: adversarial training of two parts of a network in one backward pass."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


class _Reversed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return -gradient


def reverse_gradient(values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return the values unchanged; their gradient changes its sign (Ganin and Lempitsky 2015).

    Layers after it are trained to minimise a loss, layers before it to maximise it.
    """
    output: Tensor = _Reversed.apply(values)
    return output
