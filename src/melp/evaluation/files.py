"""Result files, which several processes may write to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from melp import atomic
from melp.locks import locked

__all__ = ["replacing"]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`, which replaces `path` at the end.

    One process at a time is in the block and the others wait, so that a file can be read, extended and
    replaced without losing what another process adds.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path), atomic.replacing(path) as temporary:
        yield temporary
