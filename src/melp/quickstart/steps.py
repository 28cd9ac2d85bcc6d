"""Steps of the quickstart that are not done twice."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from melp.errors import MelpError
from melp.hub.folder import write_text

__all__ = ["Steps", "digest"]

NOTES = "steps.json"


def digest(*parts: Any) -> str:
    """Twelve hexadecimal digits of values and of the bytes of files (given as `Path`)."""
    whole = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            with part.open("rb") as stream:
                whole.update(hashlib.file_digest(stream, "sha256").digest())
        else:
            whole.update(json.dumps(part, sort_keys=True, default=str).encode())
    return whole.hexdigest()[:12]


class Steps:
    """Does steps in turn, and notes in `steps.json` what each was made from and how long it took.

    A step is left out where the note of the last time has the same origin and its outputs are still there.

    Args:
        folder: where the note lies.
        total: number of steps, for the headings.
        console: where the headings go.
    """

    def __init__(self, folder: Path, total: int, console: Console) -> None:
        self.file, self.total, self.console, self.number = folder / NOTES, total, console, 0
        self.done = self._read()

    def _read(self) -> dict[str, Any]:
        if not self.file.is_file():
            return {}
        try:
            return dict(json.loads(self.file.read_text(encoding="utf-8")))
        except ValueError as error:
            raise MelpError(f"{self.file}: not JSON; remove it to judge anew") from error

    def do(
        self,
        name: str,
        title: str,
        work: Callable[[], Any],
        origin: str | None = None,
        outputs: Sequence[Path] = (),
    ) -> None:
        """Does one step, if need be.

        Args:
            name: of the step.
            title: its heading.
            work: does it, and leaves `outputs` whole or not at all.
            origin: a digest of all that it is made from; None for work that sees by itself what is done.
            outputs: files that it writes.
        """
        self.number += 1
        heading = f"[bold]{self.number}/{self.total}[/bold] {title}"
        note = self.done.get(name, {})
        there = bool(note) and all(path.exists() for path in outputs)
        if origin is not None and there and note["origin"] == origin:
            self.console.print(f"{heading} [dim](there already)[/dim]", highlight=False)
            return
        self.console.print(heading, highlight=False)
        start = time.monotonic()
        work()
        seconds = time.monotonic() - start
        if origin is None and there:
            # Work that sees by itself that all is done takes a moment; the time that counts is noted.
            seconds = max(seconds, float(note["seconds"]))
        self.done[name] = {"title": title, "origin": origin, "seconds": round(seconds, 1)}
        write_text(self.file, json.dumps(self.done, indent=2) + "\n")
