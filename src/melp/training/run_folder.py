"""The folder of a training: its settings, and whether the training is finished."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from melp.errors import MelpError
from melp.hub.folder import WEIGHTS, write_text

RECIPE = "recipe.json"
CHECKPOINT = "last.ckpt"


def start_run(folder: Path, settings: Mapping[str, Any], file_name: str = RECIPE) -> None:
    """Write the settings of a training into its folder, or check that those in the folder are the same.

    Raises:
        MelpError: the folder contains a training with other settings, or other files.
    """
    file = folder / file_name
    if file.exists():
        found, wanted = json.loads(file.read_text(encoding="utf-8")), json.loads(json.dumps(settings))
        if name := next(_differences(found, wanted), None):
            raise MelpError(
                f"{folder}: a training with another {name} found, wanted the same settings or a new folder"
            )
        return
    if folder.exists() and any(folder.iterdir()):
        raise MelpError(f"{folder}: not empty, and no training to resume; wanted a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    write_text(file, json.dumps(settings, indent=2) + "\n")


def _differences(found: Any, wanted: Any, name: str = "") -> Iterator[str]:
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in sorted(found.keys() | wanted.keys()):
            yield from _differences(found.get(key), wanted.get(key), f"{name}.{key}".lstrip("."))
    elif found != wanted:
        yield name or "recipe"


def is_finished(folder: Path) -> bool:
    """Return whether the training in a folder is finished.

    Raises:
        MelpError: the checkpoint is damaged.
    """
    return (folder / WEIGHTS).exists() and bool(read_checkpoint(folder).get("finished"))


def read_checkpoint(folder: Path) -> dict[str, Any]:
    """Return the checkpoint of a training; empty before the first one.

    Raises:
        MelpError: the checkpoint is damaged.
    """
    file = folder / CHECKPOINT
    if not file.exists():
        return {}
    try:
        checkpoint: dict[str, Any] = torch.load(file, weights_only=True, mmap=True)
    except (RuntimeError, ValueError, EOFError, UnpicklingError) as error:
        raise MelpError(f"{file}: cannot be read; remove it to start again") from error
    return checkpoint


@contextmanager
def removed_on_failure(folder: Path) -> Iterator[None]:
    """Remove a new folder if the training in it fails before its first checkpoint."""
    new = not folder.exists()
    try:
        yield
    except (MelpError, OSError):
        if new and not (folder / CHECKPOINT).exists():
            shutil.rmtree(folder, ignore_errors=True)
        raise
