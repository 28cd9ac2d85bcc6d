"""A local HTTP server with the layout of the Hugging Face Hub, for models: download, creation and commits."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from small_server import listening

Files = dict[str, bytes]


@dataclass
class Hub:
    """Repositories of the server.

    Attributes:
        commits: files by repository and commit.
        branches: commit by repository and branch.
        private: repositories that only the token `secret` reads.
        requests: method and path of every request, in order.
    """

    commits: dict[str, dict[str, Files]] = field(default_factory=dict)
    branches: dict[str, dict[str, str]] = field(default_factory=dict)
    private: set[str] = field(default_factory=set)
    requests: list[tuple[str, str]] = field(default_factory=list)
    address: str = ""

    def create(self, name: str) -> None:
        if name not in self.commits:
            self.commits[name], self.branches[name] = {}, {}
            self.commit(name, "main", {})

    def commit(self, name: str, branch: str, files: Files) -> str:
        """Add files to a branch; return the commit."""
        kept = self.commits[name].get(self.branches[name].get(branch, ""), {})
        digest = hashlib.sha1(repr((branch, sorted(kept), sorted(files.items()))).encode()).hexdigest()
        self.commits[name][digest] = {**kept, **files}
        self.branches[name][branch] = digest
        return digest

    def files(self, name: str, branch: str = "main") -> Files:
        return self.commits[name][self.branches[name][branch]]


@contextmanager
def serving_hub(hub: Hub) -> Iterator[Hub]:
    """Serve `hub` at `hub.address`."""
    with listening(_Handler, hub=hub) as hub.address:
        yield hub


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Log nothing; requests are in `hub.requests`."""

    def do_HEAD(self) -> None:
        self._route("HEAD")

    def do_GET(self) -> None:
        self._route("GET")

    def do_POST(self) -> None:
        self._route("POST")

    def _route(self, method: str) -> None:
        path = self.path.partition("?")[0]
        self.hub.requests.append((method, path))
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if path == "/api/repos/create":
            return self._create(json.loads(body))
        if path == "/api/validate-yaml":
            return self._json({"errors": [], "warnings": []})
        parts = re.fullmatch(r"/(?:api/models/)?([^/]+/[^/]+)(?:/(\w+)/([^/]+)(?:/(.+))?)?", path)
        assert parts, path
        name, action, revision, file = parts.groups()
        locked = name in self.hub.private and self.headers.get("Authorization") != "Bearer secret"
        if name not in self.hub.commits or locked:
            return self._answer(401, {"X-Error-Code": "RepoNotFound"})
        if action == "branch":
            self.hub.branches[name].setdefault(revision, self.hub.branches[name]["main"])
            return self._answer(200)
        commit = self.hub.branches[name].get(revision or "main", revision)
        if commit not in self.hub.commits[name]:
            return self._answer(404, {"X-Error-Code": "RevisionNotFound"})
        return getattr(self, f"_{action or 'revision'}")(name, revision or "main", commit, file, body)

    def _create(self, request: dict[str, Any]) -> None:
        if self.headers.get("Authorization") != "Bearer secret":
            return self._answer(401)
        name = f"{request.get('organization', 'me')}/{request['name']}"
        exists = name in self.hub.commits
        self.hub.create(name)
        if request.get("visibility") == "private":
            self.hub.private.add(name)
        return self._json({"url": f"{self.hub.address}/{name}"}, 409 if exists else 200)

    def _revision(self, name: str, _: str, commit: str, *__: Any) -> None:
        self._json({"id": name, "sha": commit, "siblings": [], "tags": []})

    def _tree(self, name: str, _: str, commit: str, *__: Any) -> None:
        files = self.hub.commits[name][commit]
        self._json(
            [
                {"type": "file", "path": path, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for path, content in files.items()
            ]
        )

    def _resolve(self, name: str, _: str, commit: str, file: str, __: bytes) -> None:
        files = self.hub.commits[name][commit]
        if file not in files:
            return self._answer(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
        etag = hashlib.sha1(files[file]).hexdigest()
        return self._answer(200, {"X-Repo-Commit": commit, "ETag": f'"{etag}"'}, files[file])

    def _preupload(self, *arguments: Any) -> None:
        files = json.loads(arguments[-1])["files"]
        modes = [{"path": file["path"], "uploadMode": "regular", "shouldIgnore": False} for file in files]
        self._json({"files": modes})

    def _commit(self, name: str, branch: str, _: str, __: Any, body: bytes) -> None:
        lines = [json.loads(line) for line in body.splitlines()]
        files = {
            line["value"]["path"]: base64.b64decode(line["value"]["content"])
            for line in lines
            if line["key"] == "file"
        }
        commit = self.hub.commit(name, branch, files)
        self._json({"commitUrl": f"{self.hub.address}/{name}/commit/{commit}", "commitOid": commit})

    def _json(self, content: Any, status: int = 200) -> None:
        self._answer(status, {"Content-Type": "application/json"}, json.dumps(content).encode())

    def _answer(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        self.send_response(status)
        for key, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
