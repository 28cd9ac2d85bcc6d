"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from melp.hub import Model

MODEL = typer.Argument(help="Model: a folder, user/name on the hub, or mini, the one in the package.")
DATA = typer.Option(help="Data store.")
TASKS = typer.Option(help="Task, or several separated by commas; a name or a YAML file.")
RESULTS = typer.Option(help="Folder for the cells of results; see `melp results`.")
FOLDS = typer.Option(None, help="Test folds, such as 9,10; default: those of the task.")
TRAIN_FOLDS = typer.Option(None, help="Folds to train on, such as 1-7.")
TRAIN_DATA = typer.Option(
    None, help="Store to train on if --data has only test records (code-test: a store of code-15)."
)
SIMILARITY = typer.Option(
    "",
    help="Of ECG and text: global (cosine), local (the text against the heartbeats; MELP) or answers (log "
    "odds of the text; QUEST). Default: answers if the method has them, otherwise global.",
)
MIN_POSITIVES = typer.Option(1, min=1, help="Leave classes with fewer positives out of the macro average.")
RECIPE = typer.Option(None, help="Recipe: a name such as melp/laptop or text/laptop, or a YAML file.")
SETTINGS = typer.Argument(None, help="Settings of the recipe as key=value, such as training.batch_size=64.")
DEVICE = typer.Option("auto", help="auto (a GPU if there is one), cpu or cuda.")
SPLIT = typer.Option("test", help="Split of the task to evaluate: test or validation.")
PROTOCOL = typer.Option(
    "corrected", help="corrected, or paper: as published, including its defects; needs --published-splits."
)
PUBLISHED = typer.Option(
    None,
    "--published-splits",
    help="Folder with the label files that MERL and MELP publish and, for zero-shot, their prompts "
    "(CKEPE_prompt.json).",
)
EXCLUDE_DUPLICATES = typer.Option(
    True,
    "--exclude-duplicates/--keep-duplicates",
    help="Leave recordings out of training whose samples equal those of a held-out or an earlier one.",
)
ALLOW_MISSING = typer.Option(False, "--allow-missing", help="Continue if recordings are missing.")


def load_model(folder: Path, device: str) -> Model:
    """Load a model folder onto the device that `DEVICE` names."""
    from melp.hub import find_device, load

    return load(folder, find_device(device))


def parse_list(text: str | None) -> list[str]:
    """Return the parts of an option that are separated by commas; none if it is not given."""
    return [part.strip() for part in text.split(",")] if text else []


def parse_optional_folds(text: str | None) -> tuple[int, ...] | None:
    """Return the folds of an option, or None if it is not given."""
    from melp.tasks import parse_folds

    return None if text is None else parse_folds(text)
