"""`melp table`: the results in a folder as a table."""

from __future__ import annotations

from pathlib import Path

import typer

from melp.cli import app
from melp.errors import MelpError


@app.command("table")
def table_command(
    folders: list[Path] = typer.Argument(help="Folder with the cells of evaluations, or several."),
    layout: str = typer.Option(help="linear-probe, zero-shot, losses or encoders, as in the paper; or any."),
    out: Path = typer.Option(help="Folder for the files."),
    rows: str = typer.Option("", help="Fields of the cells that are rows, for any; default: name."),
    columns: str = typer.Option("", help="Fields of the cells that are columns, for any; default: task."),
    metric: str = typer.Option("auroc", help="Metric, of which the mean over classes is shown."),
    where: list[str] = typer.Option([], help="Select cells, such as protocol=paper; may be repeated."),
    rename: list[str] = typer.Option([], help="Show a model under another name: NAME=NEW; may be repeated."),
    published: bool = typer.Option(False, "--published", help="Add the published figures."),
    data: str = typer.Option(
        "",
        help="Stores of the evaluated recordings. With them, the best and the second-best are marked only "
        "where they differ beyond chance, paired over patients.",
    ),
) -> None:
    """Write a table of results as Markdown, LaTeX, PDF, CSV and a figure; best bold, second underlined."""
    from melp.evaluation.layouts import write_table
    from melp.evaluation.layouts.layout import get_layout

    files = write_table(
        folders,
        get_layout(layout, _parts(rows), _parts(columns)),
        out,
        metric=metric,
        conditions=where,
        rename=dict(_pair(text) for text in rename),
        published=published,
        stores=[Path(part) for part in _parts(data)],
    )
    for file in files:
        typer.echo(file)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _pair(text: str) -> tuple[str, str]:
    name, _, new = text.partition("=")
    if not name or not new:
        raise MelpError(f"rename: found {text!r}, wanted NAME=NEW")
    return name, new
