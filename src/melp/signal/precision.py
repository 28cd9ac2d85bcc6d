"""Full precision for computations that half precision would make inaccurate."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import ParamSpec, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def at_least_single(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Convert half precision to single; return single and double precision unchanged."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def without_autocast(device: torch.device) -> AbstractContextManager[object]:
    """Return a context in which operations on a device have the precision of their inputs."""
    if not torch.amp.is_autocast_available(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)


def full_precision(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Decorate a function of signals: mixed precision does not apply to what it computes.

    Mixed precision is for networks. Inside `torch.autocast`, convolutions and matrix products round signals
    to 8 bits, and on CUDA Fourier transforms do not exist for the result.
    """

    @wraps(function)
    def compute(*arguments: _Arguments.args, **options: _Arguments.kwargs) -> _Result:
        tensors = (value for value in (*arguments, *options.values()) if isinstance(value, Tensor))
        with without_autocast(next(tensors).device):
            return function(*arguments, **options)

    return compute
