"""One published file over HTTP: goes on where it was cut, and is compared with its published digest."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from melp.errors import MelpError

if TYPE_CHECKING:
    import requests

PART = ".part"
_CHUNK = 1 << 16
_TIMEOUT = (10, 60)  # seconds to connect, and without a byte
_WHOLE, _REST, _GONE, _BEYOND = 200, 206, (404, 410), 416
_BUSY = (408, 429, 500, 502, 503, 504)


class WrongFileError(MelpError):
    """A file that is not published, or not as published; the others may be fetched all the same."""


class StoppedError(MelpError):
    """The user has stopped the download."""


class _DroppedError(Exception):
    """The connection was lost, or the server is busy."""


@dataclass(frozen=True)
class PublishedFile:
    """A file on a server.

    Attributes:
        url: its address.
        target: where it goes; until it is whole it lies beside, as `NAME.part`.
        digest: in hexadecimal; empty where none is published.
        algorithm: of the digest, as `hashlib` names it.
    """

    url: str
    target: Path
    digest: str = ""
    algorithm: str = "sha256"


class Fetcher:
    """Fetches files; one serves several threads.

    Args:
        account: name and password of HTTP basic authentication.
        page: where a person asks for access; told where the server refuses it.
        on_bytes: called with the number of bytes as they come.
        patience: seconds before the first new attempt; each further one waits twice as long.
        attempts: how many in a row may bring nothing.
    """

    def __init__(
        self,
        account: tuple[str, str] | None = None,
        page: str = "",
        on_bytes: Callable[[int], None] = lambda count: None,
        patience: float = 1,
        attempts: int = 6,
    ) -> None:
        self.account, self.page, self.on_bytes = account, page, on_bytes
        self.patience, self.attempts = patience, attempts
        self._stopped, self._sessions = threading.Event(), threading.local()

    def stop(self) -> None:
        """Lets every thread end after its next bytes; what has come stays."""
        self._stopped.set()

    def fetch(self, file: PublishedFile) -> bool:
        """Whether the file had to be fetched: one that is there, with its digest, is left alone.

        Raises:
            WrongFileError: the server does not have it, or what came has another digest and was removed.
            StoppedError: `stop` was called.
            MelpError: no access, or the connection was lost again and again.
        """
        if file.target.is_file() and (not file.digest or _digest(file.target, file) == file.digest):
            return False
        part = file.target.with_name(file.target.name + PART)
        self._receive_all(file, part)
        found = _digest(part, file)
        if file.digest and found != file.digest:
            part.unlink()
            raise WrongFileError(
                f"{file.target}: {file.algorithm} {found} found, wanted {file.digest}; removed"
            )
        part.replace(file.target)
        return True

    def _receive_all(self, file: PublishedFile, part: Path) -> None:
        import requests
        import urllib3

        failures = 0
        while True:
            before = _size(part)
            try:
                return self._receive(file, part, before)
            except (_DroppedError, requests.RequestException, urllib3.exceptions.HTTPError) as error:
                failures = 0 if _size(part) > before else failures + 1
                if failures >= self.attempts:
                    why = _root(error)
                    raise MelpError(
                        f"{file.url}: connection lost ({why}); the same command goes on from here"
                    ) from error
            if self._stopped.wait(self.patience * 2**failures):
                raise StoppedError(f"{file.url}: stopped")

    def _receive(self, file: PublishedFile, part: Path, have: int) -> None:
        # Bytes as they are stored: a range of a compressed answer would be of no use.
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with self._session().get(file.url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
            status, content_range = response.status_code, response.headers.get("Content-Range", "")
            if status == _BEYOND and have:
                if content_range != f"bytes */{have}":
                    part.unlink()
                    raise _DroppedError("the part on disk is longer than the file")
                return
            self._check(response, file)
            goes_on = status == _REST and content_range.startswith(f"bytes {have}-")
            if status == _REST and not goes_on:
                raise _DroppedError(f"bytes {have}- asked for, {content_range!r} sent")
            part.parent.mkdir(parents=True, exist_ok=True)
            with part.open("ab" if goes_on else "wb") as stream:
                # What comes, as it comes: a read that waits for a full block loses it with the connection.
                while chunk := response.raw.read1(_CHUNK):
                    stream.write(chunk)
                    self.on_bytes(len(chunk))
                    if self._stopped.is_set():
                        raise StoppedError(f"{file.url}: stopped")

    def _session(self) -> requests.Session:
        """A session of this thread: they are not made to be shared."""
        import requests

        if not hasattr(self._sessions, "own"):
            self._sessions.own = requests.Session()
            self._sessions.own.auth = self.account
        session: requests.Session = self._sessions.own
        return session

    def _check(self, response: requests.Response, file: PublishedFile) -> None:
        status = response.status_code
        if status in (_WHOLE, _REST):
            return
        if status in _BUSY:
            raise _DroppedError(f"the server answers {status}")
        if status in _GONE:
            raise WrongFileError(f"{file.url}: not on the server ({status})")
        name = self.account[0] if self.account else ""
        if status == 401 and name:
            raise MelpError(f"{file.url}: the server refuses {name}'s password (401)")
        if status == 401:
            raise MelpError(f"{file.url}: the server asks for an account (401), wanted --user NAME")
        if status == 403:
            with_name = "" if name else ", then give --user NAME"
            raise MelpError(
                f"{file.url}: no access (403); log in at {self.page}, sign the data use agreement"
                f" and do the training it asks for{with_name}"
            )
        raise MelpError(f"{file.url}: the server answers {status}, wanted 200")


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _digest(path: Path, file: PublishedFile) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, file.algorithm).hexdigest()


def _root(error: BaseException) -> str:
    """What was behind an error that libraries have wrapped several times."""
    while error.__context__ is not None:
        error = error.__context__
    return (str(error) or type(error).__name__).splitlines()[0][:160]
