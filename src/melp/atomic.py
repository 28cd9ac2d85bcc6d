"""Files that are complete or absent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


@contextmanager
def replacing(file: Path, shared: bool = False) -> Iterator[Path]:
    """Yield a temporary path that replaces `file` at the end, and is removed after an error.

    With `shared`, several processes may write the same file at once; the last one's stays.
    """
    partial = file.with_name(f"{file.name}{f'.{uuid4().hex[:8]}' if shared else ''}.partial")
    try:
        yield partial
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
