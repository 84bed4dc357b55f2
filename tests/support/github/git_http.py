"""An HTTP server for git on loopback: requests as values, and `git http-backend` to answer them."""

from __future__ import annotations

import os
import re
import socket
import struct
import subprocess
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from miyabi.git.command import environment

_GIT = re.compile(r"/(?P<name>[^/]+/[^/]+?)(?:\.git)?/(?P<service>info/refs|git-upload-pack|git-receive-pack)")


@dataclass(frozen=True, slots=True, kw_only=True)
class GitRequest:
    """A request as it arrived. `service` is what of the repository it wants, as in its path or query."""

    method: str
    name: str
    service: str
    authorization: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GitReply:
    """What goes back."""

    status: int
    content: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class Hub(Protocol):
    """Who answers."""

    def answer(
        self, request: GitRequest, *, path: str, query: str, headers: dict[str, str], body: bytes
    ) -> GitReply | None:
        """The answer to a request for git; None where the connection is to be reset."""

    def hand_on(self, method: str, path: str, headers: dict[str, str], body: bytes) -> GitReply:
        """The answer to any other."""


def http_backend(folder: Path, request: GitRequest, *, query: str, headers: dict[str, str], body: bytes) -> GitReply:
    """What git itself answers for a repository in the folder."""
    service = request.service if request.method == "POST" else "info/refs"
    variables = {
        "GIT_PROJECT_ROOT": str(folder),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": f"/{request.name}.git/{service}",
        "REMOTE_USER": "x-access-token",
        "REQUEST_METHOD": request.method,
        "QUERY_STRING": query,
        "CONTENT_TYPE": headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_CONTENT_ENCODING": headers.get("content-encoding", ""),
        "GIT_PROTOCOL": headers.get("git-protocol", ""),
    }
    done = subprocess.run(
        ["git", "-c", "safe.directory=*", "http-backend"],
        input=body,
        capture_output=True,
        env=environment(os.environ) | variables,
        check=True,
    )
    return _read(done.stdout)


def _read(output: bytes) -> GitReply:
    """A CGI program's answer."""
    head, _, content = output.partition(b"\r\n\r\n")
    pairs = [line.split(": ", 1) for line in head.decode().split("\r\n")]
    status = next((int(value.split()[0]) for name, value in pairs if name == "Status"), 200)
    return GitReply(status=status, content=content, headers=tuple((n, v) for n, v in pairs if n != "Status"))


class GitServer(ThreadingHTTPServer):
    """Listens on a port of its own."""

    daemon_threads = True

    def __init__(self, hub: Hub) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub = hub

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: GitServer

    def _serve(self) -> None:
        address = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self._body(headers)
        found = _GIT.fullmatch(address.path)
        if not found:
            self._send(self.server.hub.hand_on(self.command, self.path, headers, body))
            return
        if len(self.headers.get_all("authorization") or ()) > 1:
            self._send(GitReply(status=400, content=b'Duplicate header: "Authorization"'))
            return
        service = address.query.removeprefix("service=") if found["service"] == "info/refs" else found["service"]
        request = GitRequest(
            method=self.command, name=found["name"], service=service, authorization=headers.get("authorization")
        )
        self._send(self.server.hub.answer(request, path=address.path, query=address.query, headers=headers, body=body))

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(headers.get("content-length") or 0))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _send(self, reply: GitReply | None) -> None:
        if reply is None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
            return
        self.send_response(reply.status)
        for name, value in (*reply.headers, ("content-length", str(len(reply.content)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.content)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Nothing: the record is in `requests`."""
