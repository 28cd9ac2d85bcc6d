"""`melp data`: gets a corpus, builds a store of it, tells what it holds, checks its bytes."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from melp.cli import app
from melp.cli.tables import print_table
from melp.corpora import list_corpora
from melp.errors import MelpError

if TYPE_CHECKING:
    from melp.data.build import Summary

data = typer.Typer(no_args_is_help=True, help="Corpora become stores.")
app.add_typer(data, name="data")

_CORPORA = ", ".join(list_corpora())
_PASSWORD = "PHYSIONET_PASSWORD"


@data.command("download")
def download_command(
    corpus: str = typer.Argument(help="Name of the corpus, as of `melp data build`."),
    out: Path = typer.Option(help="The folder to put it in; then --raw of `melp data build`."),
    records: int | None = typer.Option(None, help="Only the first so many recordings, and the tables."),
    mirror: str = typer.Option("", help="Address in place of https://physionet.org/files."),
    user: str = typer.Option("", help=f"Account on PhysioNet; its password in {_PASSWORD}, or asked for."),
    workers: int = typer.Option(8, help="Files fetched at a time."),
) -> None:
    """Downloads a corpus, checked byte for byte; stopped or cut, the same command goes on."""
    from melp.corpora.downloads.download import download

    done = download(
        corpus,
        out,
        records=records,
        mirror=mirror,
        account=(user, _password(user)) if user else None,
        workers=workers,
        progress=True,
    )
    typer.echo(f"{out}: {done.files} files, {done.fetched} of them fetched ({done.bytes / 1e6:.1f} MB)")
    typer.echo(f"next: melp data build {corpus} --raw {out} --out STORE")


def _password(user: str) -> str:
    if found := os.environ.get(_PASSWORD):
        return found
    if not sys.stdin.isatty():
        raise MelpError(f"{_PASSWORD}: not set, wanted the password of {user}")
    return str(typer.prompt(f"Password of {user}", hide_input=True, err=True))


@data.command("build")
def build_command(
    corpus: str = typer.Argument(help=f"Name of the corpus: {_CORPORA}."),
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
    compress: bool = typer.Option(False, "--compress", help="Compress each record (zstd)."),
    csv: Path | None = typer.Option(None, help="Of the corpus `table`: the CSV that lists one's recordings."),
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
        compress=compress,
        table=csv,
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
def info_command(
    store: str = typer.Argument(help="Folder of the store, or its address."),
    plot: Path | None = typer.Option(None, help="Draw what a glance tells of it: a .png, .svg or .pdf file."),
) -> None:
    """Tells what a store holds."""
    from melp.data.describe import describe
    from melp.data.store import Store

    opened = Store(store)
    manifest = opened.manifest
    typer.echo(f"{store}: {manifest['corpus']}, {len(opened)} records")
    typer.echo(
        f"{opened.rate:g} Hz, {opened.seconds:g} s, {manifest['missing']} recordings missing on disk, "
        f"statements of {manifest['texts']} training reports without recording"
    )
    for title, table in describe(opened).items():
        if not table.empty:
            typer.echo()
            print_table(table.columns, table.itertuples(index=False), title)
    if plot is not None:
        from melp.plots.figures import save
        from melp.plots.store_page import plot_store

        save(plot_store(opened), plot)
        typer.echo(f"{plot}: drawn")


@data.command("text")
def text_command(
    stores: str = typer.Argument(help="Stores, with commas between."),
    out: Path = typer.Option(help="The Parquet file to write: id, fold, text."),
) -> None:
    """Writes the reports of stores as texts, for `melp text pretrain --data OUT`."""
    from melp.data.store import Store
    from melp.text.sources import write_corpus

    count = write_corpus([Store(store) for store in stores.split(",")], out)
    typer.echo(f"{out}: {count} texts")


@data.command("verify")
def verify_command(store: Path) -> None:
    """Compares every file of a store with its SHA-256 in the manifest."""
    from melp.data.store import verify

    problems = verify(store)
    if problems:
        raise MelpError("; ".join(problems))
    typer.echo(f"{store}: all files are as they were written")
