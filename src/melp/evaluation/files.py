"""Files that are complete or absent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from melp.locks import locked

__all__ = ["replacing"]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`, which replaces `path` at the end.

    One process at a time is in the block and the others wait, so that a file can be read, extended and
    replaced without losing what another process adds.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    with locked(path):
        yield temporary
        temporary.replace(path)
