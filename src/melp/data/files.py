"""Files of a store, wherever they lie: in a local folder, or at an address that fsspec knows."""

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

OPEN = 256
"""Most files of a folder that are kept open at once."""
PAUSES = (1.0, 4.0, 16.0)
"""Seconds to wait before ranges that a network failed to bring are asked for again."""

_ADDRESS = re.compile(r"((?:[a-z][a-z0-9+]+::)*[a-z][a-z0-9+]+):/+(.+)")


class Files(Protocol):
    """Files below one root, named by their paths from there.

    Attributes:
        address: of the root, for people.
    """

    address: str

    def open(self, name: str) -> BinaryIO:
        """A file to be read, which can seek.

        Raises:
            FileNotFoundError: no such file.
            MelpError: it cannot be read.
        """

    def size(self, name: str) -> int | None:
        """Bytes of a file; None where to know them is a journey over the network.

        Raises:
            FileNotFoundError: no such file.
        """

    def ranges(self, names: Sequence[str], starts: Sequence[int], sizes: Sequence[int]) -> Iterator[bytes]:
        """Bytes of files: `sizes` of them from `starts`, in the order asked; fewer where a file ends sooner.

        Raises:
            FileNotFoundError: no such file.
            MelpError: one cannot be read.
        """


def located(path: str | Path) -> str | Path:
    """An address as text, and anything else as a folder; `Path` has taken a slash from an address."""
    address = _ADDRESS.match(str(path))
    if address is None:
        return Path(path)
    system, rest = address.groups()
    return Path(f"/{rest}") if system == "file" else f"{system}://{rest}"


def open_files(path: str | Path) -> Files:
    """The files of the folder or address `path`."""
    place = located(path)
    return LocalFiles(place) if isinstance(place, Path) else RemoteFiles(place)


class LocalFiles:
    """Files of a folder.

    They are read, not mapped into memory: a mapped page counts as memory of each process that saw it, and a
    file that is cut short while it is mapped ends the process.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.address = folder, str(folder)
        self._opened: dict[str, FileIO] = {}
        weakref.finalize(self, _close, self._opened)

    def __reduce__(self) -> tuple[type[LocalFiles], tuple[Path]]:
        return type(self), (self.folder,)

    def open(self, name: str) -> BinaryIO:
        """See `Files`."""
        with named_errors(f"{self.folder / name}"):
            return (self.folder / name).open("rb")

    def size(self, name: str) -> int:
        """See `Files`."""
        return (self.folder / name).stat().st_size

    def ranges(self, names: Sequence[str], starts: Sequence[int], sizes: Sequence[int]) -> Iterator[bytes]:
        """See `Files`."""
        for name, start, size in zip(names, starts, sizes, strict=True):
            try:
                # Not seek and read: after a fork the place in a file is shared.
                found = os.pread(self._file(name).fileno(), size, start)
            except FileNotFoundError:
                raise
            except OSError as error:
                raise _named(f"{self.folder / name}", error) from error
            yield found

    def _file(self, name: str) -> FileIO:
        if name not in self._opened:
            if len(self._opened) >= OPEN:
                self._opened.pop(next(iter(self._opened))).close()
            self._opened[name] = FileIO(self.folder / name)
        return self._opened[name]


class RemoteFiles:
    """Files at an address such as `s3://bucket/store`; fsspec's own settings hold what it takes to get there.

    Raises:
        MelpError: fsspec does not know such addresses, or wants another package for them.
    """

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        self._process = 0
        self._connect()

    def __reduce__(self) -> tuple[type[RemoteFiles], tuple[str]]:
        return type(self), (self.address,)

    def _connect(self) -> Any:
        """The file system; one of this process's own, as connections do not survive a fork."""
        if self._process != os.getpid():
            from fsspec.core import url_to_fs

            with named_errors(self.address):
                self._system, self._root = url_to_fs(self.address)
            self._process = os.getpid()
        return self._system

    def open(self, name: str) -> BinaryIO:
        """See `Files`."""
        system = self._connect()
        with named_errors(f"{self.address}/{name}"):
            return cast(BinaryIO, system.open(f"{self._root}/{name}", "rb"))

    def size(self, name: str) -> None:
        """See `Files`."""

    def ranges(self, names: Sequence[str], starts: Sequence[int], sizes: Sequence[int]) -> Iterator[bytes]:
        """See `Files`; all at once, and those that did not come again after a pause."""
        system = self._connect()
        found: dict[int, Any] = {}
        wanted = list(range(len(names)))
        for pause in (*PAUSES, None):
            parts = system.cat_ranges(
                [f"{self._root}/{names[place]}" for place in wanted],
                [starts[place] for place in wanted],
                [starts[place] + sizes[place] for place in wanted],
                on_error="return",
            )
            found.update(zip(wanted, parts, strict=True))
            wanted = [place for place in wanted if isinstance(found[place], Exception)]
            if not wanted:
                break
            failed = found[wanted[0]]
            if pause is None or isinstance(failed, FileNotFoundError):
                with named_errors(f"{self.address}/{names[wanted[0]]}"):
                    raise failed
            time.sleep(pause)
        return (found[place] for place in range(len(names)))


@contextmanager
def named_errors(file: str) -> Iterator[None]:
    """Whatever goes wrong within becomes one line that names `file`; that it is not there stays as it is.

    Raises:
        FileNotFoundError: that.
        MelpError: anything else.
    """
    try:
        yield
    except MelpError:
        raise
    except NotADirectoryError as error:
        raise FileNotFoundError(file) from error
    except FileNotFoundError as error:
        # fsspec says so, too, where a server cannot be reached.
        cause = error.__cause__
        if not isinstance(cause, OSError) or isinstance(cause, FileNotFoundError):
            raise
        raise _named(file, cause) from error
    except Exception as error:  # file systems and Parquet's readers raise whatever they meet
        raise _named(file, error) from error


def _named(file: str, error: Exception) -> MelpError:
    why = (str(error).splitlines() or [""])[0][:160]
    return MelpError(f"{file}: cannot be read ({type(error).__name__}: {why})")


def _close(opened: dict[str, FileIO]) -> None:
    for file in opened.values():
        file.close()
