"""GitHub's Git LFS on loopback: the batch API with a login, and the objects beside it. Stands behind `GitHubGit`.

with GitHubLfs() as store, GitHubGit(tmp_path / "hub", api=store.url) as hub:
    ...  # push and fetch as with GitHub; store.objects has what was uploaded
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.cli.background import Serving
from tests.support.github.git_side import TOKEN

_MEDIA = "application/vnd.git-lfs+json"


class GitHubLfs(Serving):
    """Serves from construction until `close`.

    `objects` are there by their SHA-256, `logins` what came with each request for the API; a `refusal` is the status
    and the message that the next requests get, as long as there is one.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.logins: list[str | None] = []
        self.refusal: tuple[int, str] | None = None
        super().__init__(_Server(self))

    def batch(self, asked: dict[str, Any], authorization: str | None) -> tuple[int, dict[str, Any]]:
        """Status and answer of https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md."""
        self.logins.append(authorization)
        if authorization != f"Basic {b64encode(f'x-access-token:{TOKEN}'.encode()).decode()}":
            return 401, {"message": "Bad credentials"}
        if self.refusal:
            return self.refusal[0], {"message": self.refusal[1]}
        operation = asked["operation"]
        return 200, {"transfer": "basic", "objects": [self._object(operation, **each) for each in asked["objects"]]}

    def _object(self, operation: str, *, oid: str, size: int) -> dict[str, Any]:
        entry: dict[str, Any] = {"oid": oid, "size": size}
        if operation == "download" and oid not in self.objects:
            return entry | {"error": {"code": 404, "message": "Object does not exist on the server"}}
        if operation == "upload" and oid in self.objects:
            return entry
        return entry | {"actions": {operation: {"href": f"{self.url}/content/{oid}"}}}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, store: GitHubLfs) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.store = store


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        """The batch API."""
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        status, content = self.server.store.batch(asked, self.headers["authorization"])
        self._send(status, json.dumps(content).encode())

    def do_PUT(self) -> None:
        """Takes an object, if it is what its name says."""
        content = self._body()
        oid = self.path.rpartition("/")[2]
        is_right = hashlib.sha256(content).hexdigest() == oid and not self.headers["authorization"]
        if is_right:
            self.server.store.objects[oid] = content
        self._send(200 if is_right else 422, b"{}")

    def do_GET(self) -> None:
        """An object."""
        content = self.server.store.objects.get(self.path.rpartition("/")[2])
        self._send(404 if content is None else 200, content or b"{}")

    def _body(self) -> bytes:
        if self.headers["transfer-encoding"] != "chunked":
            return self.rfile.read(int(self.headers["content-length"] or 0))
        content = b""
        while size := int(self.rfile.readline(), 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    def _send(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", _MEDIA)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Nothing."""
