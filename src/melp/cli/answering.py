"""What all commands that answer have in common: their options, and how tables and failures are written."""

from __future__ import annotations

import glob
import inspect
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from melp.atomic import replacing
from melp.cli import app, options
from melp.cli.tables import print_table
from melp.errors import MelpError

if TYPE_CHECKING:
    import pandas as pd

    from melp.answers.sources import ReadingOptions

__all__ = ["Format", "answer_command", "write_table"]


class Format(StrEnum):
    """The forms of a table."""

    TABLE = "table"
    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


Answer = Callable[..., "pd.DataFrame"]
Write = Callable[["pd.DataFrame", Format | None, Path | None, list[str]], None]


def write_table(table: pd.DataFrame, form: Format | None, out: Path | None, files: list[str]) -> None:
    """Print a table, or write it to a file; what it means is said on stderr, and in each row of a file."""
    endings = {f".{one}": one for one in Format}
    chosen = form or (Format.TABLE if out is None else endings.get(out.suffix.lower()))
    if chosen is None:
        raise MelpError(f"out: {out} found, wanted an ending .csv, .jsonl or .parquet, or --format")
    if chosen == Format.PARQUET and out is None:
        raise MelpError("format: parquet without --out found, wanted a file to write")
    if chosen == Format.TABLE and out is None:
        rounded = table.round(4).astype(object).where(table.notna(), "")
        print_table(list(map(str, table)), rounded.map(_plain).itertuples(index=False))
    elif out is None:
        typer.echo(_text(table, chosen), nl=False)
    else:
        with replacing(out) as partial:
            if chosen == Format.PARQUET:
                table.assign(note=table.attrs["note"]).to_parquet(partial)
            else:
                partial.write_text(_text(table, chosen), encoding="utf-8")
    typer.echo(table.attrs["note"], err=True)


def _text(table: pd.DataFrame, form: Format) -> str:
    table = table.assign(note=table.attrs["note"])
    if form == Format.JSONL:
        return str(table.to_json(orient="records", lines=True, force_ascii=False))
    return str(table.map(_plain).to_csv(index=False, sep="\t" if form == Format.TABLE else ","))


def _plain(value: object) -> object:
    """Return a value as it is, but a list as text."""
    return "; ".join(map(str, value)) if isinstance(value, list | tuple) else value


def answer_command(name: str, write: Write = write_table) -> Callable[[Answer], Answer]:
    """Add a command `melp NAME FILE...` that writes the table that the decorated function returns.

    The function gets a loaded model, the files, the options of reading and, as further arguments, its own
    options. What cannot be read is listed after the table, and the exit code is then 1.

    Args:
        name: name of the command.
        write: writes the table.
    """

    def add(function: Answer) -> Answer:
        own = list(inspect.signature(function).parameters.values())[3:]

        def command(**given: Any) -> None:
            chosen = {option.name: given.pop(option.name) for option in own}
            _run(lambda *read: function(*read, **chosen), write, **given)

        # typer reads the options of a command from its signature.
        files, *common = list(inspect.signature(_run).parameters.values())[2:]
        places = [*_evaluated([files], globals()), *_evaluated(own, function.__globals__)]
        places += _evaluated(common, globals())
        command.__signature__ = inspect.Signature(places)  # type: ignore[attr-defined]
        command.__annotations__ = {one.name: one.annotation for one in places}
        command.__doc__ = function.__doc__
        app.command(name)(command)
        return function

    return add


def _evaluated(places: list[inspect.Parameter], names: Mapping[str, Any]) -> list[inspect.Parameter]:
    """Return parameters as keywords, their annotations evaluated."""
    kind = inspect.Parameter.KEYWORD_ONLY
    return [one.replace(annotation=eval(one.annotation, dict(names)), kind=kind) for one in places]


def _run(
    answer: Answer,
    write: Write,
    files: list[str] = typer.Argument(metavar="FILE", help="Files, folders, globs or stores."),
    model: Path | None = typer.Option(None, help="Model folder; default: the model in the package."),
    rate: float | None = typer.Option(None, help="Samples a second, for files that do not say it."),
    unit: str | None = typer.Option(None, help="mV, uV, nV or V, for files that do not say it."),
    leads: str | None = typer.Option(None, help="Names of the channels (I,II,V1), for files without them."),
    fill_leads: bool = typer.Option(
        False, "--fill-leads", help="Take 0 mV for leads of the model that a recording lacks."
    ),
    folds: str | None = typer.Option(None, help="Folds of stores to read, such as 9,10; default: all."),
    form: Format | None = typer.Option(None, "--format", help="Default: by the ending of --out, or table."),
    out: Path | None = typer.Option(None, help="File to write, in place of printing."),
    jobs: int = typer.Option(1, min=1, help="Number of files that are read at once."),
    device: str = options.DEVICE,
    quiet: bool = typer.Option(False, "--quiet", help="Show no progress bar."),
) -> None:
    from melp.hub import find_device, load

    reading: ReadingOptions = {
        "rate": rate,
        "unit": unit,
        "leads": options.parse_list(leads) or None,
        "fill_leads": fill_leads,
        "folds": options.parse_optional_folds(folds),
        "jobs": jobs,
        # A single recording that cannot be used is an error of the command.
        "skip": len(files) > 1 or Path(files[0]).is_dir() or glob.has_magic(files[0]),
        "progress": not quiet,
    }
    table = answer(load(model, find_device(device)), files, reading)
    if len(table):
        write(table, form, out, files)
    _report_failures(table)


def _report_failures(table: pd.DataFrame) -> None:
    """List the recordings that could not be used, and exit with 1 if there are any."""
    failed: dict[str, str] = table.attrs["failed"]
    for name, reason in failed.items():
        typer.echo(reason if name in reason else f"{name}: {reason}", err=True)
    if failed:
        done = table["id"].nunique() if "id" in table else len(table)
        typer.echo(f"melp: {len(failed)} of {len(failed) + done} recordings cannot be used", err=True)
        raise typer.Exit(1)
