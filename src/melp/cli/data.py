"""`melp data`: builds a store, tells what it holds, checks its bytes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from melp.cli import app
from melp.errors import MelpError

if TYPE_CHECKING:
    from melp.data.build import Summary

data = typer.Typer(no_args_is_help=True, help="Corpora become stores.")
app.add_typer(data, name="data")


@data.command("build")
def build_command(
    corpus: str = typer.Argument(help="Name of the corpus: ptb-xl, synthetic."),
    out: Path = typer.Option(help="The store to write."),
    raw: Path | None = typer.Option(None, help="Folder of the corpus as published."),
    rate: float = typer.Option(500, help="Hz of the store."),
    seconds: float = typer.Option(10, help="Length of a record."),
    workers: int = typer.Option(1, help="Processes that read recordings."),
    allow_missing: bool = typer.Option(
        False, "--allow-missing", help="Go on where recordings are not on disk."
    ),
    strict: bool = typer.Option(False, "--strict", help="End at the first bad record."),
    records: int | None = typer.Option(None, help="How many records to simulate."),
    seed: int = typer.Option(0, help="Seed of a simulated corpus."),
) -> None:
    """Builds a store; killed, the same command goes on where it was."""
    from melp.data.build import build

    summary = build(
        corpus,
        raw,
        out,
        rate=rate,
        seconds=seconds,
        workers=workers,
        allow_missing=allow_missing,
        strict=strict,
        records=records,
        seed=seed,
        progress=True,
    )
    _print_summary(summary)


def _print_summary(summary: Summary) -> None:
    typer.echo(f"{summary.path}: {summary.records} records" + ("" if summary.built else ", there already"))
    if summary.missing:
        typer.echo(
            f"missing on disk: {summary.missing} (statements of {summary.texts} training reports kept)"
        )
    for flag, count in summary.flags.items():
        typer.echo(f"flagged, {flag}: {count}")
    for reason, count in summary.dropped.items():
        typer.echo(f"dropped, {reason}: {count}")
    for record in summary.bad:
        typer.echo(f"  {record['id']}: {record['detail']}")
    if sum(summary.dropped.values()) > len(summary.bad):
        typer.echo(f"  all in {summary.path / 'dropped.parquet'}")


@data.command("info")
def info_command(store: Path) -> None:
    """Tells what a store holds."""
    from rich.console import Console
    from rich.table import Table

    from melp.data.describe import describe
    from melp.data.store import Store

    opened = Store(store)
    console = Console()
    console.print(f"{store}: {opened.manifest['corpus']}, {len(opened)} records", highlight=False)
    console.print(
        f"{opened.rate:g} Hz, {opened.seconds:g} s, {opened.manifest['missing']} recordings missing on disk, "
        f"statements of {len(opened.texts)} training reports without recording",
        highlight=False,
    )
    for title, rows in describe(opened).items():
        if rows.empty:
            continue
        table = Table(*rows.columns, title=title, title_justify="left")
        for row in rows.itertuples(index=False):
            table.add_row(*map(str, row))
        console.print(table)


@data.command("verify")
def verify_command(store: Path) -> None:
    """Compares every file of a store with its SHA-256 in the manifest."""
    from melp.data.store import verify

    problems = verify(store)
    if problems:
        raise MelpError("; ".join(problems))
    typer.echo(f"{store}: all files are as they were written")
