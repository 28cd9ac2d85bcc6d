"""A local HTTP server with PhysioNet's layout and the faults of real servers."""

from __future__ import annotations

import base64
import hashlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Site:
    """Content and behaviour of the server.

    Attributes:
        files: content by path from the root.
        cuts: bytes after which the next connections to a path are dropped, one number for each connection.
        busy: number of the next responses for a path that are 503.
        account: required user name and password.
        closed: whether every request is denied.
        ranges: whether ranges are supported.
        slow: seconds between blocks of 1,000 bytes.
        requests: path and range of every request, in order.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    cuts: dict[str, list[int]] = field(default_factory=dict)
    busy: dict[str, int] = field(default_factory=dict)
    account: tuple[str, str] | None = None
    closed: bool = False
    ranges: bool = True
    slow: float = 0
    address: str = ""
    requests: list[tuple[str, str]] = field(default_factory=list)

    def requested(self, name: str) -> list[str]:
        """Return the ranges requested of files whose paths end in `name`; "" is the whole file."""
        return [requested for path, requested in self.requests if path.endswith(name)]

    def publish(self, root: str, folder: Path) -> None:
        """Add the files of a folder below `root`, with a SHA256SUMS.txt like PhysioNet's."""
        files = {
            str(file.relative_to(folder)): file.read_bytes()
            for file in sorted(folder.rglob("*"))
            if file.is_file()
        }
        sums = "".join(f"{hashlib.sha256(content).hexdigest()} {name}\n" for name, content in files.items())
        files["SHA256SUMS.txt"] = sums.encode()
        self.files.update({f"{root}/{name}": content for name, content in files.items()})


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler], **content: object) -> Iterator[str]:
    """Serve with a handler that has `content` as attributes, in threads; yield the address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (handler,), content)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    """Serve `site` at `site.address`."""
    with listening(_Handler, site=site) as site.address:
        yield site


class _Handler(BaseHTTPRequestHandler):
    site: Site
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Log nothing; requests are in `site.requests`."""

    def do_GET(self) -> None:
        site, path, range_header = self.site, self.path.lstrip("/"), self.headers.get("Range", "")
        site.requests.append((path, range_header))
        status = self._error_status(path)
        content = site.files.get(path, b"")
        resumes = bool(range_header) and site.ranges
        start = int(range_header.removeprefix("bytes=").removesuffix("-")) if resumes else 0
        if not status and start >= len(content) > 0:
            status = 416
        headers = {}
        if status == 416:
            headers["Content-Range"] = f"bytes */{len(content)}"
        elif status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="files"'
        elif resumes and not status:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        body = b"" if status else content[start:]
        self.send_response(status or (206 if "Content-Range" in headers else 200))
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self._send(path, body)

    def _error_status(self, path: str) -> int:
        site = self.site
        if site.closed:
            return 403
        if site.account is not None:
            token = base64.b64encode(":".join(site.account).encode()).decode()
            if self.headers.get("Authorization") != f"Basic {token}":
                return 401
        if site.busy.get(path, 0) > 0:
            site.busy[path] -= 1
            return 503
        return 0 if path in site.files else 404

    def _send(self, path: str, body: bytes) -> None:
        cuts = self.site.cuts.get(path)
        cut = cuts.pop(0) if cuts else None
        body = body if cut is None else body[:cut]
        if self.site.slow:
            for start in range(0, len(body), 1000):
                self.wfile.write(body[start : start + 1000])
                self.wfile.flush()
                threading.Event().wait(self.site.slow)
        else:
            self.wfile.write(body)
        if cut is not None:
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
