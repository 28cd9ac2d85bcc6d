"""Steps of the quickstart, which are not repeated if their files are up to date."""

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
    """Return twelve hexadecimal digits of the SHA-256 of values, and of the contents of files (`Path`)."""
    sha256 = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            with part.open("rb") as stream:
                sha256.update(hashlib.file_digest(stream, "sha256").digest())
        else:
            sha256.update(json.dumps(part, sort_keys=True, default=str).encode())
    return sha256.hexdigest()[:12]


class Steps:
    """Runs steps and records in `steps.json` the origin of each and how long it took.

    A step is skipped if its recorded origin is the same and its outputs exist.

    Args:
        folder: folder of `steps.json`.
        total: number of steps, for the headings.
        console: console for the headings.
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
            raise MelpError(f"{self.file}: not JSON; remove it to repeat all steps") from error

    def do(
        self,
        name: str,
        title: str,
        work: Callable[[], Any],
        origin: str | None = None,
        outputs: Sequence[Path] = (),
    ) -> None:
        """Run a step if it is not up to date.

        Args:
            name: name of the step.
            title: heading of the step.
            work: function that writes `outputs` completely or not at all.
            origin: digest of the inputs of the step; None if `work` itself skips what is done.
            outputs: files that the step writes.
        """
        self.number += 1
        heading = f"[bold]{self.number}/{self.total}[/bold] {title}"
        last = self.done.get(name, {})
        complete = bool(last) and all(path.exists() for path in outputs)
        if origin is not None and complete and last["origin"] == origin:
            self.console.print(f"{heading} [dim](already done)[/dim]", highlight=False)
            return
        self.console.print(heading, highlight=False)
        start = time.monotonic()
        work()
        seconds = time.monotonic() - start
        if origin is None and complete:
            # `work` may have skipped everything: keep the time of the first run.
            seconds = max(seconds, float(last["seconds"]))
        self.done[name] = {"title": title, "origin": origin, "seconds": round(seconds, 1)}
        write_text(self.file, json.dumps(self.done, indent=2) + "\n")
