"""`melp convert`: recordings of any format to one."""

from __future__ import annotations

from pathlib import Path

import typer

from melp.cli import app, options


@app.command("convert")
def convert_command(
    source: Path = typer.Argument(metavar="FILE|FOLDER", help="A recording, or a folder with recordings."),
    to: str = typer.Option("", help="wfdb, npz, csv, edf or parquet; default: by the ending of --out."),
    out: Path = typer.Option(help="File for a recording; folder for a folder, whose names are kept."),
    rate: float | None = typer.Option(None, help="Samples a second, for files that do not say it."),
    unit: str | None = typer.Option(None, help="mV, uV, nV or V, for files that do not say it."),
    leads: str | None = typer.Option(
        None, help="Leads to convert, separated by commas; for files that do not name theirs, their names."
    ),
    quiet: bool = typer.Option(False, "--quiet", help="Show no progress bar."),
) -> None:
    """Convert recordings to another format. Files that cannot be read are listed, and the rest is done."""
    from melp.io.convert import convert

    names, shown = options.parse_list(leads) or None, source.is_dir() and not quiet
    done = convert(source, out, to, names, rate, unit, progress=shown)
    for file, warning in done.warnings:
        typer.echo(f"{file}: {warning}")
    typer.echo(f"{out}: {len(done.files)} recordings converted")
    if done.failed:
        typer.echo(f"not converted: {len(done.failed)}", err=True)
        for file, reason in done.failed:
            typer.echo(f"{file}: {reason}", err=True)
        raise typer.Exit(1)
