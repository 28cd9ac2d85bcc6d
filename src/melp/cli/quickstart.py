"""`melp quickstart`: all steps in one command, and a page with the results."""

from __future__ import annotations

from pathlib import Path

import typer

from melp.cli import app
from melp.cli.tables import print_table


@app.command("quickstart")
def quickstart_command(
    options: list[str] = typer.Argument(None, help="key=value options of the recipe."),
    ptb_xl: Path | None = typer.Option(None, help="PTB-XL as published; without it, ECGs are simulated."),
    out: Path = typer.Option(Path("quickstart"), help="Folder of all that is made."),
    allow_missing: bool = typer.Option(
        False, "--allow-missing", help="Go on where recordings of PTB-XL are not on disk."
    ),
    records: int | None = typer.Option(None, min=200, help="How many ECGs to simulate; 2,000 unless told."),
    recipe: str | None = typer.Option(None, help="Recipe by name (melp/laptop) or YAML file."),
) -> None:
    """Trains and judges MELP on simulated ECGs or on PTB-XL; killed, it goes on where it was."""
    from melp.evaluation.classify import DISCLAIMER
    from melp.quickstart.path import quickstart
    from melp.quickstart.results import comparison_rows

    page = quickstart(
        out, ptb_xl=ptb_xl, allow_missing=allow_missing, records=records, recipe=recipe, options=options
    )
    print_table(*comparison_rows(out / "results"))
    typer.echo(f"{page}: results, loss curves and test ECGs; open it in a browser. {DISCLAIMER}")
