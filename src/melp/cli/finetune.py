"""`melp finetune`: a run's whole encoder trained with the labels of a task."""

from __future__ import annotations

from pathlib import Path

import typer

from melp.cli import app
from melp.cli.evaluate import folds_of, print_judged

_OPTIONS = typer.Argument(None, help="key=value, such as training.epochs=50 or encoder_rate=0.1.")
_OUT = typer.Option(help="Folder of the classifier: a model folder, with results.jsonl.")
_SCRATCH = typer.Option(False, "--scratch", help="Begin with random weights: what labels alone give.")
_FOLDS = typer.Option(None, help="Folds to judge, such as 9,10, instead of the test folds.")
_MIN_POSITIVES = typer.Option(1, min=1, help="Classes with fewer positives do not count in the macro mean.")


@app.command("finetune")
def finetune_command(
    model: Path = typer.Argument(help="Folder of a run of any method."),
    options: list[str] = _OPTIONS,
    task: str = typer.Option(help="Task, by name or YAML file."),
    data: Path = typer.Option(help="Store with the records."),
    out: Path = _OUT,
    scratch: bool = _SCRATCH,
    fraction: float = typer.Option(100, help="Training records used, in per cent."),
    seed: int = typer.Option(0, help="Of the subset that a fraction takes."),
    folds: str | None = _FOLDS,
    train_folds: str | None = typer.Option(None, help="Folds to train on, such as 1-7."),
    validation_folds: str | None = typer.Option(None, help="Folds whose loss selects the weights."),
    min_positives: int = _MIN_POSITIVES,
) -> None:
    """Trains encoder and classifier with labels; killed, it goes on where it was last saved."""
    from melp.data.store import Store
    from melp.evaluation.finetune import finetune
    from melp.evaluation.judging import save
    from melp.hub import load
    from melp.recipes import load_finetune_recipe
    from melp.tasks import get_task

    judged = finetune(
        load(model),
        Store(data),
        get_task(task),
        out,
        load_finetune_recipe(options or []),
        scratch=scratch,
        fraction=fraction,
        seed=seed,
        folds=folds_of(folds),
        train_folds=folds_of(train_folds),
        validation_folds=folds_of(validation_folds),
        min_positives=min_positives,
    )
    save([judged], out)
    print_judged([judged])
    typer.echo(f"{out}: ask it about a recording with `melp classify {out} RECORD.hea`")
