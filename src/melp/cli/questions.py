"""`melp retrieve`, `melp transfer`, `melp identify`, `melp robustness`: further questions to a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from melp.cli import app, options
from melp.cli.tables import print_table

if TYPE_CHECKING:
    from melp.evaluation.cells import Evaluation

_FOLDS = typer.Option("10", help="Folds to evaluate, such as 9,10.")


@app.command("retrieve")
def retrieve_command(
    model: Path = options.MODEL,
    data: Path = options.DATA,
    out: Path = options.RESULTS,
    folds: str = _FOLDS,
    device: str = options.DEVICE,
) -> None:
    """Find the report of each ECG among all reports, and the ECG of each report: recall@k and median rank."""
    from melp.data.store import Store
    from melp.evaluation.retrieval import retrieve
    from melp.tasks import parse_folds

    _print([retrieve(options.load_model(model, device), Store(data), parse_folds(folds), out=out)])


@app.command("identify")
def identify_command(
    model: Path = options.MODEL,
    data: Path = options.DATA,
    out: Path = options.RESULTS,
    folds: str = _FOLDS,
    gallery: Path | None = typer.Option(
        None, help="CSV file with the ids of known recordings, with --probes."
    ),
    probes: Path | None = typer.Option(None, help="CSV file: ids of recordings to identify."),
    device: str = options.DEVICE,
) -> None:
    """Identify patients: later recordings against the first one of each patient."""
    from melp.data.store import Store
    from melp.evaluation.identification import identify
    from melp.tasks import parse_folds

    _print(
        [
            identify(
                options.load_model(model, device),
                Store(data),
                parse_folds(folds),
                gallery=gallery,
                probes=probes,
                out=out,
            )
        ]
    )


@app.command("robustness")
def robustness_command(
    model: Path = options.MODEL,
    task: str = options.TASKS,
    data: Path = options.DATA,
    out: Path = options.RESULTS,
    conditions: str | None = typer.Option(None, help="12, limb, I+II, I, V5, noise-0.05 ...; default: all."),
    by: str = typer.Option("probe,zero-shot", help="probe, zero-shot or both."),
    folds: str | None = options.FOLDS,
    min_positives: int = options.MIN_POSITIVES,
    seed: int = typer.Option(0, help="Seed of the noise."),
    device: str = options.DEVICE,
) -> None:
    """Evaluate a model on recordings with fewer leads (the others are 0 mV) or with added noise in mV."""
    from melp.data.store import Store
    from melp.evaluation.disturbances import get_disturbances
    from melp.evaluation.robustness import robustness
    from melp.tasks import get_task

    loaded, store = options.load_model(model, device), Store(data)
    chosen = get_disturbances(options.parse_list(conditions))
    evaluations = [
        one
        for name in options.parse_list(task)
        for one in robustness(
            loaded,
            store,
            get_task(name),
            chosen,
            readings=options.parse_list(by),
            folds=options.parse_optional_folds(folds),
            min_positives=min_positives,
            seed=seed,
            out=out,
        )
    ]
    _print(evaluations)


@app.command("transfer")
def transfer_command(
    model: Path = options.MODEL,
    task: str = options.TASKS,
    data: Path = options.DATA,
    train_data: Path = typer.Option(help="Store of the corpus whose labels or prompts are used."),
    out: Path = options.RESULTS,
    by: str = typer.Option("probe,prompts", help="probe, prompts or both."),
    folds: str | None = typer.Option(None, help="Folds to evaluate, such as 9,10; default: all."),
    train_folds: str | None = options.TRAIN_FOLDS,
    min_positives: int = options.MIN_POSITIVES,
    device: str = options.DEVICE,
) -> None:
    """Train a probe, or take prompts, on one corpus, and evaluate the findings it shares with another."""
    from melp.data.store import Store
    from melp.evaluation.transfer import transfer
    from melp.tasks import get_task

    loaded, learned, store = options.load_model(model, device), Store(train_data), Store(data)
    evaluations = [
        one
        for name in options.parse_list(task)
        for one in transfer(
            loaded,
            learned,
            store,
            get_task(name),
            readings=options.parse_list(by),
            folds=options.parse_optional_folds(folds),
            train_folds=options.parse_optional_folds(train_folds),
            min_positives=min_positives,
            out=out,
        )
    ]
    _print(evaluations)


def _print(evaluations: Sequence[Evaluation]) -> None:
    """Print the metrics over all classes, then messages on stderr."""
    from melp.evaluation.questions import summary

    print_table(("task", "question", "metric", "value", "95 % interval", "chance", "n"), summary(evaluations))
    for line in dict.fromkeys(line for one in evaluations for line in one.messages):
        typer.echo(line, err=True)
