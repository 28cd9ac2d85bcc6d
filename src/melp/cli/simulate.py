"""`melp simulate`: simulated recordings in the published layout of a corpus."""

from __future__ import annotations

from pathlib import Path

import typer

from melp.cli import app
from melp.simulator.corpora import list_simulated


@app.command("simulate")
def simulate_command(
    corpus: str = typer.Argument(help=f"Corpus: {', '.join(list_simulated())}."),
    records: int = typer.Option(help="Number of records."),
    out: Path = typer.Option(help="Folder for the files; use it as --raw of `melp data build`."),
    seed: int = typer.Option(0, help="Seed of the simulation."),
    published_splits: Path | None = typer.Option(
        None, help="Also write the label files of MERL and MELP for these records to this folder."
    ),
) -> None:
    """Simulate a corpus in its published layout. The same command resumes a stopped simulation."""
    from melp.simulator.corpora.write import simulate_corpus

    done = simulate_corpus(corpus, out, records, seed, published_splits, progress=True)
    typer.echo(f"{out}: {done.records} simulated records" + ("" if done.written else ", already simulated"))
    for defect, count in done.defects.items():
        typer.echo(f"with a defect on purpose, {defect}: {count}")
    for task, classes in done.not_drawn.items():
        if classes:
            typer.echo(f"classes of {task} that are not simulated: {', '.join(classes)}")
    if published_splits is not None:
        typer.echo(f"{published_splits}: label files in the form of MERL and MELP")
    missing = " --allow-missing" if done.missing else ""
    typer.echo(f"next: melp data build {corpus} --raw {out} --out STORE{missing}")
