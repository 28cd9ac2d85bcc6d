"""Fetch one file over HTTP: resume it if interrupted, and compare it with its published digest."""

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
_OK, _PARTIAL, _GONE, _RANGE_ERROR = 200, 206, (404, 410), 416
_BUSY = (408, 429, 500, 502, 503, 504)


class WrongFileError(MelpError):
    """A file is absent from the server or differs from the published one; other files may be fine."""


class StoppedError(MelpError):
    """The user has stopped the download."""


class _DroppedError(Exception):
    """The connection was lost, or the server is busy."""


@dataclass(frozen=True)
class RemoteFile:
    """A file on a server.

    Attributes:
        url: its address.
        target: path of the file on disk; an incomplete file is called `NAME.part`.
        digest: in hexadecimal; empty if none is published.
        algorithm: the digest's algorithm, as named by `hashlib`.
    """

    url: str
    target: Path
    digest: str = ""
    algorithm: str = "sha256"


class Fetcher:
    """Fetch files over HTTP; safe to share between threads.

    Args:
        account: user name and password for HTTP basic authentication.
        page: web page on which to request access, for the error message.
        on_bytes: called with the size of each block received.
        patience: seconds before the first retry; doubled for each further one.
        attempts: number of attempts in a row without any new byte before the download fails.
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
        """End every thread after its next block; incomplete files stay on disk."""
        self._stopped.set()

    def fetch(self, file: RemoteFile) -> bool:
        """Fetch a file unless it is on disk with the right digest; return whether it was fetched.

        Raises:
            WrongFileError: the server does not have it, or its digest is wrong; it is then removed.
            StoppedError: `stop` was called.
            MelpError: access is denied, or the connection was lost repeatedly.
        """
        if file.target.is_file() and (not file.digest or _digest(file.target, file) == file.digest):
            return False
        part = file.target.with_name(file.target.name + PART)
        self._receive_all(file, part)
        digest = _digest(part, file)
        if file.digest and digest != file.digest:
            part.unlink()
            raise WrongFileError(
                f"{file.target}: {file.algorithm} {digest} found, wanted {file.digest}; removed"
            )
        part.replace(file.target)
        return True

    def _receive_all(self, file: RemoteFile, part: Path) -> None:
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
                    cause = _root_cause(error)
                    raise MelpError(
                        f"{file.url}: connection lost ({cause}); the same command resumes from here"
                    ) from error
            if self._stopped.wait(self.patience * 2**failures):
                raise StoppedError(f"{file.url}: stopped")

    def _receive(self, file: RemoteFile, part: Path, have: int) -> None:
        # No compression: a range of a compressed response cannot be appended.
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with self._session().get(file.url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
            status, content_range = response.status_code, response.headers.get("Content-Range", "")
            if status == _RANGE_ERROR and have:
                if content_range != f"bytes */{have}":
                    part.unlink()
                    raise _DroppedError("the part on disk is longer than the file")
                return
            self._check(response, file)
            resumed = status == _PARTIAL and content_range.startswith(f"bytes {have}-")
            if status == _PARTIAL and not resumed:
                raise _DroppedError(f"found {content_range!r}, wanted bytes {have}-")
            part.parent.mkdir(parents=True, exist_ok=True)
            with part.open("ab" if resumed else "wb") as stream:
                # `read1` returns what has arrived; `read` would lose an incomplete block with the connection.
                while chunk := response.raw.read1(_CHUNK):
                    stream.write(chunk)
                    self.on_bytes(len(chunk))
                    if self._stopped.is_set():
                        raise StoppedError(f"{file.url}: stopped")

    def _session(self) -> requests.Session:
        """Return the session of this thread; sessions are not thread-safe."""
        import requests

        if not hasattr(self._sessions, "session"):
            self._sessions.session = requests.Session()
            self._sessions.session.auth = self.account
        session: requests.Session = self._sessions.session
        return session

    def _check(self, response: requests.Response, file: RemoteFile) -> None:
        status = response.status_code
        if status in (_OK, _PARTIAL):
            return
        if status in _BUSY:
            raise _DroppedError(f"the server returned {status}")
        if status in _GONE:
            raise WrongFileError(f"{file.url}: not on the server ({status})")
        name = self.account[0] if self.account else ""
        if status == 401 and name:
            raise MelpError(f"{file.url}: the server refuses {name}'s password (401)")
        if status == 401:
            raise MelpError(f"{file.url}: the server requires an account (401), wanted --user NAME")
        if status == 403:
            with_name = "" if name else ", then pass --user NAME"
            raise MelpError(
                f"{file.url}: no access (403); log in at {self.page}, sign the data use agreement"
                f" and complete the required training{with_name}"
            )
        raise MelpError(f"{file.url}: the server returned {status}, wanted 200")


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _digest(path: Path, file: RemoteFile) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, file.algorithm).hexdigest()


def _root_cause(error: BaseException) -> str:
    """Return the message of the first error in a chain of wrapped ones."""
    while error.__context__ is not None:
        error = error.__context__
    return (str(error) or type(error).__name__).splitlines()[0][:160]
