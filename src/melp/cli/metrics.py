"""`melp metrics`: metrics of saved predictions."""

from __future__ import annotations

from pathlib import Path

import typer

from melp.cli import app
from melp.cli.tables import print_table


@app.command("metrics")
def metrics_command(
    results: Path = typer.Argument(help="Folder of results: the --out of evaluations."),
    metric: str = typer.Option(
        "auroc", help="Metrics: auroc, auprc, f1, accuracy, sensitivity, brier, calibration_error."
    ),
    data: str = typer.Option(
        "", help="Stores that were evaluated on, for intervals over patients and for groups."
    ),
    by: str | None = typer.Option(
        None, help="Group records by a column of the store: sex, age, flags, device ..."
    ),
    validation: Path | None = typer.Option(
        None, help="Folder of results on the validation split, to choose thresholds on (f1, accuracy)."
    ),
    out: Path | None = typer.Option(None, help="File for all rows: .csv, .json or .parquet."),
) -> None:
    """Compute metrics from saved predictions. Prints means over classes; the file of --out has all classes.

    Sensitivity is at a specificity of 0.9. Brier score and calibration error need probabilities, which
    zero-shot scores are not.
    """
    from melp.data.store import Store
    from melp.evaluation.metrics.saved import check_ending, mean_rows, metrics_of_cells, write_table

    if out:
        check_ending(out)
    stores = [Store(Path(folder)) for folder in data.split(",") if folder]
    names = [name.strip() for name in metric.split(",")]
    table, notes = metrics_of_cells(results, names, by=by, stores=stores, validation=validation)
    if out:
        write_table(table, out)
    means = mean_rows(table)
    print_table(list(means.columns), means.itertuples(index=False))
    for note in notes:
        typer.echo(note, err=True)
