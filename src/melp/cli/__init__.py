"""The command `melp`: parse the arguments, call one function, print the result."""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import sys
from typing import NoReturn

import typer

from melp import __version__
from melp.errors import MelpError

app = typer.Typer(
    name="melp",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(requested: bool) -> None:
    if requested:
        typer.echo(f"melp {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and exit."
    ),
) -> None:
    """ECG-language pretraining on three scales: tokens, beats and rhythm."""


# Each module adds its commands to `app` when it is imported.
COMMANDS = (
    "data",
    "text",
    "pretrain",
    "lists",
    "evaluate",
    "questions",
    "finetune",
    "table",
    "metrics",
    "answers",
    "calibrate",
    "plot",
    "convert",
    "hub",
    "simulate",
    "quickstart",
    "bench",
)


def main() -> None:
    """Run `melp`. Invalid input prints one line on stderr and exits with code 2, Ctrl-C exits with 130."""
    # torch reads this at its first allocation, and then allocates large tensors in huge pages. Allocating a
    # batch in small pages takes longer than computing with it.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    # Importing torch and pandas creates so many objects that searching them for garbage takes a fifth of a
    # second, and once more at exit a third. Python searches less often, and not at exit.
    gc.set_threshold(10_000)
    atexit.register(gc.freeze)
    try:
        for name in COMMANDS:
            importlib.import_module(f"melp.cli.{name}")
        app()
    except MelpError as error:
        _fail(str(error))
    except OSError as error:
        # For example, a file that cannot be opened or a full disk. Some libraries do not set the file name.
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error))
    except KeyboardInterrupt:
        sys.exit(130)


def _fail(message: str) -> NoReturn:
    typer.echo("melp: " + " ".join(message.split("\n")), err=True)
    sys.exit(2)
