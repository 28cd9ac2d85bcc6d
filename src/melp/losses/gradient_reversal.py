"""Gradient reversal: one backward pass in which a part of a network works against another."""

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
    """The values as they are; their gradient turned round (Ganin and Lempitsky 2015).

    What comes behind is trained to make a loss small, what comes before to make it great.
    """
    turned: Tensor = _Reversed.apply(values)
    return turned
