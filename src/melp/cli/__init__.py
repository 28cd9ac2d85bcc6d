"""The command `melp`: parses, calls one function, prints."""

from __future__ import annotations

import importlib
import os
import sys
from typing import NoReturn

import typer

from melp import __version__
from melp.errors import MelpError

app = typer.Typer(
    name="melp",
    help="ECG-language pretraining on three scales: tokens, beats and rhythm.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"melp {__version__}")
        raise typer.Exit


@app.callback()
def root(version: bool = typer.Option(False, "--version", callback=_version, is_eager=True)) -> None:
    """ECG-language pretraining on three scales: tokens, beats and rhythm."""


# Each file of this folder adds its commands to `app` when it is imported.
COMMANDS = (
    "data",
    "text",
    "pretrain",
    "methods",
    "encoders",
    "evaluate",
    "finetune",
    "classify",
    "quickstart",
)


def main() -> None:
    """Runs `melp`; input that cannot be used ends with a line on stderr and exit code 2, Ctrl-C with 130."""
    # torch reads this when it is first asked for memory. On a CPU a batch then lies in few and huge pages,
    # which otherwise take longer to get than to compute with.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    try:
        for name in COMMANDS:
            importlib.import_module(f"melp.cli.{name}")
        app()
    except MelpError as error:
        _fail(str(error))
    except OSError as error:
        # A path that cannot be opened, or a disk that is full; some writers do not name the path.
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error))
    except KeyboardInterrupt:
        sys.exit(130)


def _fail(message: str) -> NoReturn:
    typer.echo("melp: " + " ".join(message.split("\n")), err=True)
    sys.exit(2)
