"""Processes that hold a lock, or that run a script at the same time."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

HOLD = """
import sys, time
from pathlib import Path
from melp.locks import locked
with locked(Path(sys.argv[1]), "process"):
    print("held", flush=True)
    time.sleep(600)
"""


@contextmanager
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Yield a process that holds the lock of `path`."""
    with started(HOLD, [str(path)]) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        yield process


@contextmanager
def started(script: str, words: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """Yield a process that runs a script; it is killed at the end."""
    command = [sys.executable, "-c", script, *words]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def together(
    script: str, arguments: Sequence[Sequence[str]], environments: Sequence[Mapping[str, str]] = ()
) -> list[str]:
    """Run a script once for each list of arguments, all at the same time; return what each prints."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | dict(environments[number] if environments else {}),
        )
        for number, words in enumerate(arguments)
    ]
    printed = []
    for process in processes:
        out, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
        printed.append(out)
    return printed
