"""The folder of a training: its settings, its lock, and whether the training is finished."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from melp.errors import MelpError
from melp.hub.folder import WEIGHTS, write_text
from melp.locks import locked
from melp.training.processes import is_first, takes_part, wait_for_first

RECIPE = "recipe.json"
CHECKPOINT = "last.ckpt"


def train_once(
    folder: Path,
    settings: Mapping[str, Any],
    ranks: int,
    train: Callable[[], None],
    file_name: str = RECIPE,
    shared: bool = False,
) -> None:
    """Train in a folder, unless the training in it is finished.

    The first of the processes that train together holds the lock of the folder. The others wait until it has
    written the settings; those that do not take part wait for the end of the training.

    Args:
        folder: the folder; a new one is removed if the training fails before its first checkpoint.
        settings: the settings of the training.
        ranks: number of processes that take part.
        train: the training; it resumes from a checkpoint in the folder.
        file_name: the file of the settings.
        shared: whether to wait for another training that is running in the folder.

    Raises:
        MelpError: the folder contains a training with other settings, or other files; or another training is
            running in it, unless `shared`.
    """
    with _locked_by_first(folder, "" if shared else "training"):
        start_run(folder, settings, file_name)
        if not takes_part(ranks):
            wait_for_first(lambda: is_finished(folder), folder)
        elif not is_finished(folder):
            train()


@contextmanager
def _locked_by_first(folder: Path, work: str) -> Iterator[None]:
    if is_first():
        with locked(folder, work), _removed_on_failure(folder):
            yield
    else:
        yield


def start_run(folder: Path, settings: Mapping[str, Any], file_name: str = RECIPE) -> None:
    """Write the settings of a training into its folder, or check that those in the folder are the same.

    The first process writes, and the others wait for it.

    Raises:
        MelpError: the folder contains a training with other settings, or other files.
    """
    file = folder / file_name
    if not is_first():
        wait_for_first(file.exists, folder)
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
    except (RuntimeError, ValueError, EOFError, OSError, UnpicklingError) as error:
        found = f"{file.stat().st_size} bytes, cut short or damaged"
        raise MelpError(f"{file}: {found}: cannot be read; remove it to start again") from error
    return checkpoint


@contextmanager
def _removed_on_failure(folder: Path) -> Iterator[None]:
    """Remove a new folder if the training in it fails before its first checkpoint."""
    new = not folder.exists()
    try:
        yield
    except (MelpError, OSError):
        if new and not (folder / CHECKPOINT).exists():
            shutil.rmtree(folder, ignore_errors=True)
        raise
