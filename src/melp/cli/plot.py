"""`melp plot`: a recording on ECG paper."""

from __future__ import annotations

from pathlib import Path

import typer

from melp.cli import app


@app.command("plot")
def plot_command(
    file: Path = typer.Argument(help="File of the recording, in any format of `melp formats`."),
    out: Path = typer.Option(help="Output: .pdf (all pages), .svg or .png (a file for each page)."),
    layout: str = typer.Option("3x4", help="Rows and columns: 3x4, 6x2 or 12x1."),
    rhythm: str = typer.Option("II", help="Leads of the strips below, such as V1,II,V5; none for no strip."),
    speed: float = typer.Option(25, help="25 or 50 mm/s."),
    gain: float = typer.Option(10, help="5, 10 or 20 mm/mV."),
    paper: str = typer.Option("A4", help="A4, letter, or sheet: as large as the rows need, for a screen."),
    header: bool = typer.Option(True, help="Whether age, sex, heart rate and statements are written."),
    rate: float | None = typer.Option(None, help="Samples a second, for files that do not say it."),
    unit: str | None = typer.Option(None, help="mV, uV, nV or V, for files that do not say it."),
    leads: str | None = typer.Option(None, help="Names of the channels (I,II,V1), for files without them."),
) -> None:
    """Draw a recording on ECG paper, to scale when it is printed at 100 %."""
    from melp.io import read
    from melp.plots.ecg_paper import plot_pages
    from melp.plots.figures import save_pages

    ecg = read(file, leads.split(",") if leads else None, rate=rate, unit=unit)
    pages = plot_pages(
        ecg,
        layout=layout,
        rhythm=None if rhythm == "none" else rhythm,
        speed=speed,
        gain=gain,
        paper=None if paper == "sheet" else paper,
        header=header,
    )
    for page in save_pages(pages, out):
        typer.echo(page)
