"""Read the files of a store from a local folder or from an address that fsspec supports."""

from __future__ import annotations

import os
import re
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from melp.errors import MelpError

MAX_OPEN = 256
"""Number of files of a folder that are kept open."""
PAUSES = (1.0, 4.0, 16.0)
"""Seconds to wait before each retry of the ranges that could not be read from an address."""

_ADDRESS = re.compile(r"((?:[a-z][a-z0-9+]+::)*[a-z][a-z0-9+]+):/+(.+)")


class Files(Protocol):
    """Files below one root, named by their paths relative to it.

    Attributes:
        address: the root, for messages.
    """

    address: str

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading; the stream can seek.

        Raises:
            FileNotFoundError: the file does not exist.
            MelpError: the file cannot be read.
        """

    def size(self, name: str) -> int | None:
        """Return the size of a file in bytes; None if finding out takes a request over the network.

        Raises:
            FileNotFoundError: the file does not exist.
        """

    def ranges(self, names: Sequence[str], starts: Sequence[int], sizes: Sequence[int]) -> Iterator[bytes]:
        """Yield ranges of bytes in the given order: `sizes` bytes from `starts`, fewer at the end of a file.

        Raises:
            FileNotFoundError: a file does not exist.
            MelpError: a file cannot be read.
        """


def parse_path(path: str | Path) -> str | Path:
    """Return an address as a string and any other path as a `Path`.

    An address may itself come as a `Path`, which turns `//` into `/`.
    """
    address = _ADDRESS.match(str(path))
    if address is None:
        return Path(path)
    protocol, rest = address.groups()
    return Path(f"/{rest}") if protocol == "file" else f"{protocol}://{rest}"


def open_files(path: str | Path) -> Files:
    """Return the files of a folder or an address."""
    root = parse_path(path)
    return LocalFiles(root) if isinstance(root, Path) else RemoteFiles(root)


class LocalFiles:
    """Files of a local folder.

    They are read, not memory-mapped: a mapped page counts towards the memory of each process that touched it,
    and a mapped file that is truncated crashes the process.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.address = folder, str(folder)
        self._open_files: dict[str, FileIO] = {}
        weakref.finalize(self, _close, self._open_files)

    def __reduce__(self) -> tuple[type[LocalFiles], tuple[Path]]:
        return type(self), (self.folder,)

    def open(self, name: str) -> BinaryIO:
        """See `Files`."""
        with wrap_errors(f"{self.folder / name}"):
            return (self.folder / name).open("rb")

    def size(self, name: str) -> int:
        """See `Files`."""
        return (self.folder / name).stat().st_size

    def ranges(self, names: Sequence[str], starts: Sequence[int], sizes: Sequence[int]) -> Iterator[bytes]:
        """See `Files`."""
        for name, start, size in zip(names, starts, sizes, strict=True):
            try:
                # Not seek and read: forked processes share the position in a file.
                content = os.pread(self._file(name).fileno(), size, start)
            except FileNotFoundError:
                raise
            except OSError as error:
                raise _read_error(f"{self.folder / name}", error) from error
            yield content

    def _file(self, name: str) -> FileIO:
        if name not in self._open_files:
            if len(self._open_files) >= MAX_OPEN:
                self._open_files.pop(next(iter(self._open_files))).close()
            self._open_files[name] = FileIO(self.folder / name)
        return self._open_files[name]


class RemoteFiles:
    """Files at an address such as `s3://bucket/store`; credentials come from the settings of fsspec.

    Raises:
        MelpError: fsspec does not support the protocol, or needs another package for it.
    """

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        self._pid = 0
        self._connect()

    def __reduce__(self) -> tuple[type[RemoteFiles], tuple[str]]:
        return type(self), (self.address,)

    def _connect(self) -> Any:
        """Return the file system; each process makes its own, because connections do not survive a fork."""
        if self._pid != os.getpid():
            from fsspec.core import url_to_fs

            with wrap_errors(self.address):
                self._file_system, self._root = url_to_fs(self.address)
            self._pid = os.getpid()
        return self._file_system

    def open(self, name: str) -> BinaryIO:
        """See `Files`."""
        file_system = self._connect()
        with wrap_errors(f"{self.address}/{name}"):
            return cast(BinaryIO, file_system.open(f"{self._root}/{name}", "rb"))

    def size(self, name: str) -> None:
        """See `Files`."""

    def ranges(self, names: Sequence[str], starts: Sequence[int], sizes: Sequence[int]) -> Iterator[bytes]:
        """See `Files`; all ranges are requested at once, and those that failed again after a pause."""
        file_system = self._connect()
        contents: dict[int, Any] = {}
        missing = list(range(len(names)))
        for pause in (*PAUSES, None):
            results = file_system.cat_ranges(
                [f"{self._root}/{names[number]}" for number in missing],
                [starts[number] for number in missing],
                [starts[number] + sizes[number] for number in missing],
                on_error="return",
            )
            contents.update(zip(missing, results, strict=True))
            missing = [number for number in missing if isinstance(contents[number], Exception)]
            if not missing:
                break
            error = contents[missing[0]]
            if pause is None or isinstance(error, FileNotFoundError):
                with wrap_errors(f"{self.address}/{names[missing[0]]}"):
                    raise error
            time.sleep(pause)
        return (contents[number] for number in range(len(names)))


@contextmanager
def wrap_errors(file: str) -> Iterator[None]:
    """Turn any error of the block into a `MelpError` that names `file`, except that the file does not exist.

    Raises:
        FileNotFoundError: the file does not exist.
        MelpError: any other error.
    """
    try:
        yield
    except MelpError:
        raise
    except NotADirectoryError as error:
        raise FileNotFoundError(file) from error
    except FileNotFoundError as error:
        # fsspec also raises it when a server cannot be reached.
        cause = error.__cause__
        if not isinstance(cause, OSError) or isinstance(cause, FileNotFoundError):
            raise
        raise _read_error(file, cause) from error
    except Exception as error:  # file systems and Parquet readers raise errors of many types
        raise _read_error(file, error) from error


def _read_error(file: str, error: Exception) -> MelpError:
    reason = (str(error).splitlines() or [""])[0][:160]
    return MelpError(f"{file}: cannot be read ({type(error).__name__}: {reason})")


def _close(files: dict[str, FileIO]) -> None:
    for file in files.values():
        file.close()
