"""`melp data`: download a corpus, build a store from it, inspect and verify the store."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from melp.cli import app, options
from melp.cli.tables import print_table
from melp.corpora import list_corpora
from melp.errors import MelpError

if TYPE_CHECKING:
    from melp.data.build import Summary

data = typer.Typer(no_args_is_help=True, help="Download, build and inspect data stores.")
app.add_typer(data, name="data")

_CORPORA = ", ".join(list_corpora())
_PASSWORD = "PHYSIONET_PASSWORD"


@data.command("download")
def download_command(
    corpus: str = typer.Argument(help=f"Corpus: {_CORPORA}."),
    out: Path = typer.Option(help="Folder for the files; use it as --raw of `melp data build`."),
    records: int | None = typer.Option(None, help="Download only this many recordings, and the tables."),
    mirror: str = typer.Option("", help="URL to use instead of https://physionet.org/files."),
    user: str = typer.Option("", help=f"PhysioNet user; set the password as {_PASSWORD}, or type it."),
    workers: int = typer.Option(8, help="Number of parallel downloads."),
) -> None:
    """Download a corpus and verify its checksums. The same command resumes a stopped download."""
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
    typer.echo(f"{out}: {done.files} files, {done.fetched} of them downloaded ({done.bytes / 1e6:.1f} MB)")
    typer.echo(f"next: melp data build {corpus} --raw {out} --out STORE")


def _password(user: str) -> str:
    if password := os.environ.get(_PASSWORD):
        return password
    if not sys.stdin.isatty():
        raise MelpError(f"{_PASSWORD}: not set, wanted the password of {user}")
    return str(typer.prompt(f"Password of {user}", hide_input=True, err=True))


@data.command("build")
def build_command(
    corpus: str = typer.Argument(help=f"Corpus: {_CORPORA}."),
    out: Path = typer.Option(help="Folder for the store."),
    raw: Path | None = typer.Option(None, help="Folder of the published corpus."),
    rate: float = typer.Option(500, help="Sampling rate of the store in Hz."),
    seconds: float = typer.Option(10, help="Length of each record in seconds."),
    workers: int = typer.Option(1, help="Number of processes."),
    allow_missing: bool = options.ALLOW_MISSING,
    strict: bool = typer.Option(False, "--strict", help="Stop at the first invalid record."),
    records: int | None = typer.Option(None, help="Number of records to simulate (synthetic)."),
    seed: int = typer.Option(0, help="Seed of the simulation (synthetic)."),
    compress: bool = typer.Option(False, "--compress", help="Compress each record."),
    windows: str = typer.Option("first", help="Of a longer recording, keep the first window, or all."),
    csv: Path | None = typer.Option(None, help="CSV file that lists your recordings (table)."),
    language: str = typer.Option("auto", help="Language of the reports: en, de, sv, or auto to detect it."),
) -> None:
    """Build a store from a corpus. The same command resumes a stopped build."""
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
        windows=windows,
        language=language,
    )
    _print_summary(summary)


def _print_summary(summary: Summary) -> None:
    typer.echo(f"{summary.path}: {summary.records} records" + ("" if summary.built else ", already built"))
    if summary.missing:
        typer.echo(
            f"missing on disk: {summary.missing} (statements of {summary.texts} training reports kept)"
        )
    for note in summary.notes:
        typer.echo(note)
    for flag, count in summary.flags.items():
        typer.echo(f"flagged, {flag}: {count}")
    if summary.not_understood:
        typer.echo(f"reports not understood: {summary.not_understood} (statements keep their own words)")
    if summary.unknown_words:
        frequent = ", ".join(f"{word} ({count})" for word, count in summary.frequent_words.items())
        typer.echo(f"unknown words in reports: {summary.unknown_words}, most often {frequent}")
    if summary.unknown_statements:
        typer.echo(
            f"statements kept as they are, with a word outside the vocabulary: {summary.unknown_statements}"
            ", most often:"
        )
        for statement, count in summary.frequent_statements.items():
            typer.echo(f"  {count}  {statement}")
    for reason, count in summary.dropped.items():
        typer.echo(f"dropped, {reason}: {count}")
    for record in summary.bad:
        typer.echo(f"  {record['id']}: {record['detail']}")
    if sum(summary.dropped.values()) > len(summary.bad):
        typer.echo(f"  all in {summary.path / 'dropped.parquet'}")


@data.command("join")
def join_command(
    stores: list[Path] = typer.Argument(help="Folders of stores, at least two."),
    out: Path = typer.Option(help="Folder for the new store."),
) -> None:
    """Join stores of the same rate and length into one, to pretrain on several corpora at once."""
    from melp.data.build.join import join_stores

    joined = join_stores(stores, out)
    typer.echo(f"{out}: {len(joined)} records of {joined.manifest['corpus']}")


@data.command("info")
def info_command(
    store: str = typer.Argument(help="Folder or URL of the store."),
    plot: Path | None = typer.Option(None, help="Also plot the store to this .png, .svg or .pdf file."),
) -> None:
    """Print the size of a store, and its folds, labels, statements, reports, flags and duplicates."""
    from melp.data.describe import describe
    from melp.data.store import Store

    opened = Store(store)
    manifest = opened.manifest
    typer.echo(f"{store}: {manifest['corpus']}, {len(opened)} records")
    typer.echo(
        f"{opened.rate:g} Hz, {opened.seconds:g} s, {manifest['missing']} recordings missing on disk, "
        f"statements of {manifest['texts']} training reports without recordings"
    )
    for title, table in describe(opened).items():
        if not table.empty:
            typer.echo()
            print_table(list(map(str, table)), table.itertuples(index=False), title)
    if plot is not None:
        from melp.plots.figures import save
        from melp.plots.store_page import plot_store

        save(plot_store(opened), plot)
        typer.echo(f"{plot}: plotted")


@data.command("text")
def text_command(
    stores: str = typer.Argument(help="Stores, separated by commas."),
    out: Path = typer.Option(help="Parquet file to write, with the columns id, fold and text."),
) -> None:
    """Write the reports of stores to a file for `melp text pretrain --data OUT`."""
    from melp.data.store import Store
    from melp.text.sources import write_corpus

    count = write_corpus([Store(store) for store in stores.split(",")], out)
    typer.echo(f"{out}: {count} texts")


@data.command("verify")
def verify_command(store: Path = typer.Argument(help="Folder of the store.")) -> None:
    """Compare every file of a store with its SHA-256 in the manifest."""
    from melp.data.store import verify

    problems = verify(store)
    if problems:
        raise MelpError("; ".join(problems))
    typer.echo(f"{store}: all files match the manifest")
