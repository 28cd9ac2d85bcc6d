"""Locks on files and folders that several processes write to."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from melp.errors import MelpError

if TYPE_CHECKING:
    from filelock import FileLock

_PATIENCE = 1.0
"""Seconds after which a lock counts as held: `is_locked` holds it for a moment."""


@contextmanager
def locked(path: Path, work: str = "") -> Iterator[None]:
    """Hold the lock of a file or folder in the block.

    The lock is one of the operating system: it ends with the process, however that ends. The file `PATH.lock`
    names the process; it is removed at the end, and one that a killed process left behind blocks nothing.

    Args:
        path: the file or folder, which need not exist.
        work: what only one process may do, such as "build"; if empty, wait until the lock is free.

    Raises:
        MelpError: another process holds the lock (with `work`).
        NotADirectoryError: the folder of `path` is a file.
    """
    from filelock import FileLock, Timeout

    file = _lock_file(path)
    if file.parent.is_file():
        raise NotADirectoryError(errno.ENOTDIR, "Not a directory", str(file.parent))
    created = [folder for folder in file.parents if not folder.exists()]
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file)
    try:
        lock.acquire(timeout=_PATIENCE if work else -1)
    except Timeout as error:
        raise MelpError(
            f"{path}: another {work} is running{_holder(file)}; wait for its end, or choose another --out"
        ) from error
    try:
        file.write_text(f"process {os.getpid()} on {socket.gethostname()}", encoding="utf-8")
        yield
    finally:
        _free(lock, file)
        for folder in created:  # a folder in which nothing was written goes again
            with suppress(OSError):
                folder.rmdir()


def is_locked(path: Path) -> bool:
    """Return whether a process holds the lock of a file or folder."""
    from filelock import FileLock, Timeout

    file = _lock_file(path)
    if not file.exists():
        return False
    lock = FileLock(file, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        return True
    _free(lock, file)
    return False


def _free(lock: FileLock, file: Path) -> None:
    # Removed before the release: whoever has opened the file in the meantime notices, and opens it again.
    with suppress(OSError):
        file.unlink()
    lock.release()


def _lock_file(path: Path) -> Path:
    path = path.resolve()
    return path.with_name(path.name + ".lock")


def _holder(file: Path) -> str:
    """Return the process that holds a lock, for a message; empty if it has not yet written its name."""
    try:
        name = file.read_text(encoding="utf-8")
    except OSError:
        return ""
    return f" ({name})" if name else ""
