"""`melp finetune`: train the encoder of a run with the labels of a task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from melp.cli import app, options
from melp.cli.evaluate import print_evaluations

if TYPE_CHECKING:
    from melp.evaluation.cells import Evaluation


@app.command("finetune")
def finetune_command(
    model: Path = options.MODEL,
    settings: list[str] = options.SETTINGS,
    task: str = typer.Option(help="Task: a name or a YAML file."),
    data: Path = options.DATA,
    out: Path = typer.Option(help="Folder for the classifier (a model folder) and its results."),
    scratch: bool = typer.Option(False, "--scratch", help="Start from random weights, as a baseline."),
    fraction: float = typer.Option(100, help="Percentage of training records to use."),
    seed: int = typer.Option(0, help="Seed of the random subset if --fraction is below 100."),
    folds: str | None = options.FOLDS,
    train_folds: str | None = options.TRAIN_FOLDS,
    validation_folds: str | None = typer.Option(None, help="Folds that select the weights, by their loss."),
    min_positives: int = options.MIN_POSITIVES,
    device: str = options.DEVICE,
    exclude_duplicates: bool = options.EXCLUDE_DUPLICATES,
) -> None:
    """Train an encoder and a classifier with labels. The same command resumes a stopped training."""
    from melp.data.store import Store
    from melp.evaluation.finetune import find_training_device, finetune
    from melp.hub import load
    from melp.recipes import load_finetune_recipe
    from melp.tasks import get_task

    recipe = load_finetune_recipe(settings or [])
    evaluation = finetune(
        load(model, find_training_device(device, recipe)),
        Store(data),
        get_task(task),
        out,
        recipe,
        scratch=scratch,
        fraction=fraction,
        seed=seed,
        folds=options.parse_optional_folds(folds),
        train_folds=options.parse_optional_folds(train_folds),
        validation_folds=options.parse_optional_folds(validation_folds),
        min_positives=min_positives,
        exclude_duplicates=exclude_duplicates,
        cells=out,
    )
    _print(evaluation, out)


def _print(evaluation: Evaluation, out: Path) -> None:
    """Print the results, once for all processes of the training."""
    from melp.training.processes import is_first

    if is_first():
        print_evaluations([evaluation])
        typer.echo(f"{out}: classifier; use it with `melp classify RECORD.hea --model {out}`")
