"""`melp classify`, `melp report`, `melp embed`, `melp search`, `melp explain`, `melp compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from melp.cli.answering import Format, answer_command, write_table
from melp.errors import MelpError

if TYPE_CHECKING:
    import pandas as pd

    from melp.answers.sources import ReadingOptions
    from melp.hub import Model

_SPACE = typer.Option(
    "features", help="features (for probes) or text (unit vectors, comparable with those of text)."
)


@answer_command("classify")
def classify_command(
    model: Model,
    files: list[str],
    reading: ReadingOptions,
    label: list[str] = typer.Option(None, help="A finding; repeat the option for several."),
    task: str | None = typer.Option(
        None, help="A task, in place of labels. Default of both: what the model is trained or calibrated for."
    ),
) -> pd.DataFrame:
    """Rank findings for recordings: calibrated probabilities of a task, or similarities with any text."""
    return model.classify(files, label or None, task=task, **reading)


@answer_command("report")
def report_command(
    model: Model,
    files: list[str],
    reading: ReadingOptions,
    beams: int = typer.Option(1, min=1, help="Beam width; 1 is greedy search."),
) -> pd.DataFrame:
    """Write a report for each recording."""
    return model.report(files, beams, **reading)


@answer_command("compare")
def compare_command(
    model: Model,
    files: list[str],
    reading: ReadingOptions,
    label: list[str] = typer.Option(help="A finding; repeat the option for several."),
    plot: Path | None = typer.Option(None, help="Also draw the scores to this .png, .svg or .pdf file."),
) -> pd.DataFrame:
    """Compare the recordings of one patient, in the order given: how the scores of findings change."""
    table = model.compare(files, label, **reading)
    if plot is not None and len(table):
        from melp.plots.figures import save
        from melp.plots.over_time import plot_over_time

        measure = table["measure"].iloc[0]
        save(plot_over_time(table.rename(columns={"score": measure}), score=measure), plot)
    return table


@answer_command("search")
def search_command(
    model: Model,
    files: list[str],
    reading: ReadingOptions,
    text: str | None = typer.Option(None, help="Find recordings that this text describes."),
    like: Path | None = typer.Option(None, help="Find recordings like this file."),
    k: int = typer.Option(10, "-k", min=1, help="Number of recordings."),
) -> pd.DataFrame:
    """Find recordings by a text, or by another recording. FILES may be the output of `melp embed`."""
    from melp.answers.search import read_embeddings

    query = text or like
    if query is None or (text and like):
        raise MelpError("search: found both or neither of --text and --like, wanted one")
    if len(files) == 1 and Path(files[0], "embeddings.npy").is_file():
        return model.search(query, read_embeddings(Path(files[0])), k, **reading)
    return model.search(query, files[0] if len(files) == 1 else files, k, **reading)


@answer_command("explain")
def explain_command(
    model: Model,
    files: list[str],
    reading: ReadingOptions,
    label: str = typer.Option(help="A finding in words."),
    plot: Path | None = typer.Option(None, help="Also draw it to this .png, .svg or .pdf file."),
) -> pd.DataFrame:
    """Show which heartbeats and leads of one recording a finding depends on."""
    explanation = model.explain(files, label, **reading)
    if plot is not None:
        from melp.plots.figures import save

        save(explanation.plot(), plot)
    return explanation.table


def _write_embeddings(table: pd.DataFrame, form: Format | None, out: Path | None, files: list[str]) -> None:
    """Write a table, or, to a folder, `embeddings.npy` and `ids.parquet`."""
    if form is not None or out is None or out.suffix:
        write_table(table.reset_index(), form, out, files)
        return
    from melp.answers.search import write_folder

    write_folder(table, files, out)
    typer.echo(f"{out}: {table.shape[0]} embeddings of dimension {table.shape[1]}")


@answer_command("embed", write=_write_embeddings)
def embed_command(
    model: Model,
    files: list[str],
    reading: ReadingOptions,
    space: str = _SPACE,
    plot: Path | None = typer.Option(
        None, "--map", help="Also draw the embeddings of a store to this .png, .svg or .pdf file, by --task."
    ),
    task: str | None = typer.Option(None, help="Task whose classes color the map."),
    projection: str = typer.Option("pca", help="Of the map: pca, tsne or umap."),
) -> pd.DataFrame:
    """Write the embedding of each recording; --out without an ending is a folder of NumPy and Parquet."""
    if (plot is None) != (task is None) or (plot and len(files) != 1):
        raise MelpError("map: found it without --task, or several stores, wanted one store and a task")
    from melp.tasks import get_task

    chosen = None if task is None else get_task(task)  # an unknown task is an error before the work
    table = model.embed(files, space=space, **reading)
    if plot is not None and chosen is not None:
        from melp.answers.describe import map_of
        from melp.plots.figures import save

        save(map_of(table, files[0], chosen, projection), plot)
    return table
