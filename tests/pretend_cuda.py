"""CPU tensors that PyTorch takes for CUDA tensors, so that operations pass the dispatcher as on a GPU.

The autocast of a device is a layer of the dispatcher, and CUDA's differs from the CPU's: it converts other
operations. It is chosen by the device that a tensor names, whatever computes in the end. `PretendCuda` names
CUDA and computes on the CPU; autograd, which would need a GPU, is not part of it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

LACKING = re.compile(
    r"aten\._?(fft_|linalg_(?!vector_norm)|cdist|pdist|hist|bincount|polar|complex|cholesky|qr|lu_|svd|"
    r"eig|geqrf|ormqr|triangular_solve|ctc_loss|special_|segment_reduce)"
)
"""Operations that CUDA does not have in bfloat16."""
SIGNALS = ("melp.signal.", "melp.augment.")
"""Modules that compute with recordings, not with networks."""


@dataclass
class Record:
    """What is to be known of the operations of a step."""

    signals: list[str] = field(default_factory=list)
    """Those of half precision in `SIGNALS`."""
    network: list[str] = field(default_factory=list)
    """Those of half precision elsewhere."""
    lacking: list[str] = field(default_factory=list)
    """Those of half precision that CUDA does not have."""
    mixed: list[str] = field(default_factory=list)
    """Those that read tensors of both devices."""
    outside: set[str] = field(default_factory=set)
    """Functions that were computed on the CPU before they reached the dispatcher."""
    count: int = 0
    """Number of operations."""

    def see(self, function: Any, arguments: Any, place: str) -> None:
        """Record an operation that is called in a function of melp."""
        self.count += 1
        tensors = [value for value in tree_leaves(arguments) if isinstance(value, Tensor)]
        if not any(tensor.dtype in (torch.bfloat16, torch.float16) for tensor in tensors):
            return
        entry = f"{function} in {place}"
        (self.signals if place.startswith(SIGNALS) else self.network).append(entry)
        if LACKING.match(str(function)):
            self.lacking.append(entry)


RECORD = Record()


def new_record() -> Record:
    """Empty the record of operations and return it."""
    RECORD.__init__()  # type: ignore[misc]
    return RECORD


def caller() -> str:
    """Return the function of melp that calls the operation; one of a signal or augmentation, if there is."""
    frame, places = sys._getframe(1), []
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith("melp.") and module != "melp.signal.precision":
            places.append(f"{module}.{frame.f_code.co_name}")
        frame = frame.f_back  # type: ignore[assignment]
    inside = [place for place in places if place.startswith(SIGNALS)]
    return (inside or places or ["elsewhere"])[0]


class PretendCuda(Tensor):
    """A CPU tensor whose device is CUDA."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> PretendCuda:
        layout = {"strides": inner.stride(), "storage_offset": inner.storage_offset()}
        made: PretendCuda = Tensor._make_wrapper_subclass(
            cls, inner.shape, dtype=inner.dtype, device="cuda", **layout
        )
        made.inner = inner
        return made

    def __repr__(self) -> str:  # type: ignore[override]
        return f"PretendCuda({self.inner})"

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return compute(function, args, kwargs or {})


def compute(function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Compute an operation on the CPU and record it."""
    leaves, place = tree_leaves((args, kwargs)), caller()
    on_cuda = [leaf for leaf in leaves if isinstance(leaf, PretendCuda)]
    others = [leaf for leaf in leaves if isinstance(leaf, Tensor) and not isinstance(leaf, PretendCuda)]
    if on_cuda and any(leaf.ndim for leaf in others):
        RECORD.mixed.append(f"{function} in {place}")
    RECORD.see(function, (args, kwargs), place)
    devices = [leaf for leaf in leaves if isinstance(leaf, torch.device)]
    result = function(*tree_map(real, args), **tree_map(real, kwargs))
    is_cuda = any(device.type == "cuda" for device in devices) if devices else bool(on_cuda)
    return tree_map(pretend, result) if is_cuda else result


def real(value: Any) -> Any:
    """Return the CPU tensor or device behind a pretended one."""
    if isinstance(value, torch.device):
        return torch.device("cpu")
    return value.inner if isinstance(value, PretendCuda) else value


def pretend(value: Any) -> Any:
    """Return a pretended tensor for a CPU tensor."""
    is_real = isinstance(value, Tensor) and not isinstance(value, PretendCuda)
    return PretendCuda(value.detach()) if is_real else value


class Factories(TorchFunctionMode):
    """Make the tensors that are asked for on CUDA pretended ones."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if function in (Tensor.to, torch.as_tensor):
            return self._moved(function, args, kwargs)
        device = kwargs.get("device")
        if device is not None and torch.device(device).type == "cuda":
            return pretend(function(*tree_map(real, args), **{**tree_map(real, kwargs), "device": "cpu"}))
        try:
            return function(*args, **kwargs)
        except RuntimeError as error:
            # A few functions ask for the GPU before they reach the dispatcher.
            if "not linked with support for cuda" not in str(error):
                raise
            RECORD.outside.add(function.__name__)
            return compute(function, args, kwargs)

    @staticmethod
    def _moved(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        leaves = tree_leaves((args, kwargs))
        on_cuda = [leaf for leaf in leaves if isinstance(leaf, PretendCuda)]
        devices = [leaf for leaf in leaves if isinstance(leaf, torch.device)]
        moved = function(*tree_map(real, args), **tree_map(real, kwargs))
        is_cuda = any(device.type == "cuda" for device in devices) if devices else bool(on_cuda)
        return pretend(moved) if is_cuda else moved


class Operations(TorchDispatchMode):
    """Compute and record every operation."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return compute(function, args, kwargs or {})


def to_pretended(module: nn.Module) -> nn.Module:
    """Replace the parameters and buffers of a module by pretended ones."""
    for part in module.modules():
        for name, value in list(part._parameters.items()):
            if value is not None:
                del part._parameters[name]
                setattr(part, name, pretend(value.detach()))
        for name, value in list(part._buffers.items()):
            if value is not None:
                part._buffers[name] = pretend(value)
    return module


@contextmanager
def cuda_autocast() -> Iterator[Record]:
    """Switch on CUDA's autocast to bfloat16 and yield a new record of the operations."""
    torch.set_autocast_dtype("cuda", torch.bfloat16)
    torch.set_autocast_enabled("cuda", True)
    try:
        with torch.no_grad(), Factories(), Operations():
            yield new_record()
    finally:
        torch.set_autocast_enabled("cuda", False)
        torch.clear_autocast_cache()
