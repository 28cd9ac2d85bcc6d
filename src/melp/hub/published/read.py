"""The tensors of a published checkpoint, in a pickle or in safetensors."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from melp.errors import MelpError
from melp.hub.folder import read_weights


def read_checkpoint(file: Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint, in float32: of a Lightning checkpoint, those of its `state_dict`.

    A pickle is only opened with `weights_only=True`, which runs no code of the file.

    Raises:
        MelpError: there is no such file, or it contains something else than tensors.
    """
    if not file.is_file():
        raise MelpError(f"{file}: no such file, wanted a checkpoint")
    state = read_weights(file) if file.suffix == ".safetensors" else _unpickle(file)
    state = state.get("state_dict", state) if isinstance(state, Mapping) else state
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise MelpError(f"{file}: something else than named tensors found, wanted a checkpoint")
    return {name: value.float() if value.is_floating_point() else value for name, value in state.items()}


def _unpickle(file: Path) -> object:
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, OSError, EOFError, ValueError) as error:
        reason = next(
            (line for line in str(error).splitlines() if "GLOBAL" in line), "not a file of torch.save"
        )
        raise MelpError(
            f"{file}: refused, because it cannot be opened with weights_only=True ({reason.strip()[:150]}); "
            "wanted a file of tensors only: where the file is trusted, save its state_dict as safetensors"
        ) from error
