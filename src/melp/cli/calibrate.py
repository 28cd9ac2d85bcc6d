"""`melp calibrate`: give a model probabilities for a task."""

from __future__ import annotations

from pathlib import Path

import typer

from melp.cli import app, options
from melp.cli.tables import print_table


@app.command("calibrate")
def calibrate_command(
    model: Path = options.MODEL,
    task: str = typer.Option(help="Task: a name or a YAML file."),
    data: Path = options.DATA,
    folds: str | None = typer.Option(None, help="Folds to fit on; default: the task's validation folds."),
    test_folds: str | None = typer.Option(None, help="Folds to judge on, such as 10."),
    device: str = options.DEVICE,
) -> None:
    """Fit the probabilities of a task's classes, and write them to the config of the model."""
    from melp.data.store import Store
    from melp.evaluation.calibration import calibrate
    from melp.tasks import get_task

    table, messages = calibrate(
        options.load_model(model, device),
        Store(data),
        get_task(task),
        options.parse_optional_folds(folds),
        options.parse_optional_folds(test_folds) or (),
    )
    shown = table.round(4).astype(object).where(table.notna(), "")
    print_table(["class", *shown], shown.reset_index().itertuples(index=False))
    for line in messages:
        typer.echo(line, err=True)
    typer.echo(
        f"{model}: calibrated for {task}; `melp classify FILE --model {model} --task {task}`", err=True
    )
