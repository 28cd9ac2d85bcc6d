"""`melp demo` and `melp quickstart`: a first answer, and all steps in one command with a page of results."""

from __future__ import annotations

from pathlib import Path

import typer

from melp.cli import app, options
from melp.cli.tables import print_table


@app.command("demo")
def demo_command(
    out: Path = typer.Option(Path("demo"), help="Folder for the recording and its picture."),
) -> None:
    """Draw, classify and report one simulated ECG with the model in the package."""
    from melp.quickstart.demo import demo

    done = demo(out)
    typer.echo(f"recording  {done.file}\npicture    {done.picture}\nsimulated  {done.simulated}\n")
    print_table(("label", "probability"), done.labels[["label", "score"]].round(3).itertuples(index=False))
    typer.echo(f"\nreport     {done.report}\n")
    typer.echo('Your own files: melp classify FILE --label "atrial fibrillation"')
    typer.echo(done.labels.attrs["note"], err=True)


@app.command("quickstart")
def quickstart_command(
    settings: list[str] = options.SETTINGS,
    ptb_xl: Path | None = typer.Option(None, help="Folder of PTB-XL; default: simulate ECGs."),
    out: Path = typer.Option(Path("quickstart"), help="Folder for all files."),
    allow_missing: bool = options.ALLOW_MISSING,
    records: int | None = typer.Option(None, min=200, help="Number of ECGs to simulate; default: 2,000."),
    recipe: str | None = options.RECIPE,
) -> None:
    """Train and evaluate MELP on simulated ECGs or PTB-XL. The same command resumes a stopped run."""
    from melp.disclaimer import DISCLAIMER
    from melp.quickstart.path import quickstart
    from melp.quickstart.results import comparison_rows

    page = quickstart(
        out, ptb_xl=ptb_xl, allow_missing=allow_missing, records=records, recipe=recipe, options=settings
    )
    print_table(*comparison_rows(out / "results"))
    typer.echo(f"{page}: results, loss curves and test ECGs; open it in a browser. {DISCLAIMER}")
