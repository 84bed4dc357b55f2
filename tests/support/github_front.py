"""In front of a peer: writes down every request, holds it against GitHub's description, and can lose an answer.

with GitHubFront(emulate.url, overlay=Overlay()) as front:
    ...  # base_url = front.url
front.writes, front.violations
"""

from __future__ import annotations

import http.client
import re
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

from tests.support.github_spec import Sent, request_violation

_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive", "date", "server"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What goes back."""

    status: int
    content: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "application/json; charset=utf-8"})


Ask = Callable[[Sent], Reply]


class Over(Protocol):
    """What a peer lacks: answers a request itself, or hands it on and amends the answer."""

    def answer(self, sent: Sent, ask: Ask) -> Reply:
        """The answer; `ask` asks the peer."""


class GitHubFront:
    """Listens from construction until `close`.

    Args:
        upstream: the peer's address, which may end with a path.
        overlay: what the peer lacks.
    """

    def __init__(self, upstream: str, *, overlay: Over | None = None) -> None:
        self._upstream, self._overlay = urlsplit(upstream), overlay
        self._lock = threading.Lock()
        self._sent: list[Sent] = []
        self._violations: list[str] = []
        self._losses: list[tuple[str, re.Pattern[str]]] = []
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.front = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The value for `base_url`."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def sent(self) -> tuple[Sent, ...]:
        """All requests that arrived, in order."""
        with self._lock:
            return tuple(self._sent)

    @property
    def writes(self) -> tuple[str, ...]:
        """The writes among them, as "POST /repos/…"."""
        return tuple(f"{sent.method} {sent.path}" for sent in self.sent if sent.method != "GET")

    @property
    def violations(self) -> tuple[str, ...]:
        """What GitHub's description does not allow among them."""
        with self._lock:
            return tuple(self._violations)

    def forget(self) -> None:
        """Starts a new record."""
        with self._lock:
            self._sent.clear()

    def lose(self, method: str, path: str) -> None:
        """The next answer to such a request is lost: it is carried out, then the connection is reset."""
        with self._lock:
            self._losses.append((method, re.compile(path)))

    def handle(self, sent: Sent) -> Reply | None:
        """The answer to a request; None where it is lost."""
        violation = request_violation(sent) if not sent.path.startswith("/repositories/") else None
        with self._lock:
            self._sent.append(sent)
            self._violations += [violation] if violation else []
            lost = next((loss for loss in self._losses if loss[0] == sent.method and loss[1].search(sent.path)), None)
            if lost:
                self._losses.remove(lost)
        reply = self._overlay.answer(sent, self.ask) if self._overlay else self.ask(sent)
        return None if lost else reply

    def ask(self, sent: Sent) -> Reply:
        """The peer's own answer."""
        with closing(
            http.client.HTTPConnection(self._upstream.hostname or "", self._upstream.port, timeout=20)
        ) as line:
            headers = {name: value for name, value in sent.headers.items() if name not in {"host", "connection"}}
            path = f"{self._upstream.path}{sent.path}" + (f"?{sent.query}" if sent.query else "")
            line.request(sent.method, path, body=sent.body or None, headers=headers)
            answer = line.getresponse()
            kept = {name.lower(): value for name, value in answer.getheaders() if name.lower() not in _HOP}
            return Reply(status=answer.status, content=answer.read(), headers=kept)

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    front: GitHubFront

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _serve(self) -> None:
        address = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        sent = Sent(method=self.command, path=address.path, query=address.query, headers=headers, body=body)
        reply = self.server.front.handle(sent)
        if reply is None:
            self._reset()
            return
        self.send_response(reply.status)
        for name, value in {**reply.headers, "content-length": str(len(reply.content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.content)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Nothing: the record is in `sent`."""
