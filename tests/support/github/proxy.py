"""In front of a peer: records every request, checks it with GitHub's description, and makes faults.

with GitHubFront(emulate.url, overlay=overlay) as front:
    ...  # base_url = front.url, or front.url + "/api/v3" as at GitHub Enterprise Server
front.writes, front.violations
"""

from __future__ import annotations

import hashlib
import http.client
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import urlsplit

from tests.support.cli.background import Serving
from tests.support.github.openapi import Sent, answer_violation, request_violation
from tests.support.github.responses import Ask, Reply, refusal

ENTERPRISE = "/api/v3"
_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive", "date", "server"}
_NOT_DESCRIBED = ("/repositories/", "/logs/", "/graphql")  # renamed repositories, what jobs printed, and no REST
_MUTATION = re.compile(rb"(\w+)\(input:")


class Over(Protocol):
    """What a peer lacks: answers a request itself, or hands it on and amends the answer."""

    def answer(self, sent: Sent, ask: Ask) -> Reply:
        """The answer; `ask` asks the peer."""


@dataclass(slots=True, kw_only=True)
class _Fault:
    """What happens to the next requests of a kind. Carried out unless there is an answer or a cut instead."""

    method: str
    path: re.Pattern[str]
    left: int
    instead: Reply | None = None
    is_cut: bool = False
    is_lost: bool = False
    late_seconds: float = 0
    act: Callable[[], object] = lambda: None
    act_then: Callable[[], object] = lambda: None

    def meets(self, sent: Sent) -> bool:
        """Whether it is about that request; a mutation of GraphQL is known by its name too, as /graphql/NAME."""
        mutation = _MUTATION.search(sent.body) if sent.path == "/graphql" else None
        paths = (sent.path, *([f"{sent.path}/{mutation[1].decode()}"] if mutation else []))
        return self.method == sent.method and any(map(self.path.search, paths))


class GitHubFront(Serving):
    """Listens from construction until `close`. While it `is_away`, connections are reset; `turned_away` counts them.

    Args:
        upstream: the peer's address, which may end with a path.
        overlay: what the peer lacks.
    """

    def __init__(self, upstream: str, *, overlay: Over | None = None) -> None:
        self._upstream, self._overlay = urlsplit(upstream), overlay
        self._lock = threading.Lock()
        self._sent: list[Sent] = []
        self._violations: list[str] = []
        self._faults: list[_Fault] = []
        self._fresh: list[str] = []
        self.is_away = False
        self.turned_away = 0
        super().__init__(_Server(("127.0.0.1", 0), _Handler, front=self))

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
    def fresh(self) -> tuple[str, ...]:
        """The paths of reads that were answered in full: not with 304, which costs nobody anything."""
        with self._lock:
            return tuple(self._fresh)

    @property
    def violations(self) -> tuple[str, ...]:
        """What GitHub's description does not allow: requests that arrived, and answers that the overlay made."""
        with self._lock:
            return tuple(self._violations)

    def forget(self) -> None:
        """Starts a new record of requests; violations are never forgotten."""
        with self._lock:
            self._sent.clear()
            self._fresh.clear()

    def refuse(
        self,
        method: str,
        path: str,
        *,
        status: int,
        message: str = "",
        headers: Mapping[str, str] | None = None,
        times: int = 1,
    ) -> None:
        """The next requests of that kind (`path` is searched for) are not carried out, but answered like this."""
        reply = refusal(status, message, **(headers or {}))
        self._expect(_Fault(method=method, path=re.compile(path), left=times, instead=reply))

    def answer(self, method: str, path: str, *, content: str) -> None:
        """The next such request is answered with 200 and that content, whatever it is."""
        reply = Reply(status=200, content=content.encode())
        self._expect(_Fault(method=method, path=re.compile(path), left=1, instead=reply))

    def cut(self, method: str, path: str, *, times: int = 1) -> None:
        """The connection is reset before the next such requests are carried out."""
        self._expect(_Fault(method=method, path=re.compile(path), left=times, is_cut=True))

    def lose(self, method: str, path: str, *, times: int = 1) -> None:
        """The next such requests are carried out, then the connection is reset."""
        self._expect(_Fault(method=method, path=re.compile(path), left=times, is_lost=True))

    def delay(self, method: str, path: str, *, seconds: float, times: int = 1) -> None:
        """The next such requests are carried out at once, and answered late."""
        self._expect(_Fault(method=method, path=re.compile(path), left=times, late_seconds=seconds))

    def before(self, method: str, path: str, act: Callable[[], object]) -> None:
        """Something happens before the next such request is carried out."""
        self._expect(_Fault(method=method, path=re.compile(path), left=1, act=act))

    def after(self, method: str, path: str, act: Callable[[], object]) -> None:
        """Something happens when the next such request is carried out, and not answered yet."""
        self._expect(_Fault(method=method, path=re.compile(path), left=1, act_then=act))

    @property
    def awaited(self) -> tuple[str, ...]:
        """The requests that some fault still waits for, as "POST PATTERN"."""
        with self._lock:
            return tuple(f"{fault.method} {fault.path.pattern}" for fault in self._faults)

    def _expect(self, fault: _Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def handle(self, sent: Sent) -> Reply | None:
        """The answer to a request; None where the connection is to be reset."""
        if self.is_away:
            self.turned_away += 1
            return None
        is_described = not sent.path.startswith(_NOT_DESCRIBED)
        fault = self._record(sent, request_violation(sent) if is_described else None)
        if fault:
            fault.act()
        if fault and (fault.instead or fault.is_cut):
            return fault.instead
        reply = self._overlay.answer(sent, self.ask) if self._overlay else self.ask(sent)
        if reply.is_own and is_described:
            self._check(sent, reply)
        if fault:
            fault.act_then()
            time.sleep(fault.late_seconds)
        return None if fault and fault.is_lost else self._tagged(self._at_home(reply, sent), sent)

    def _record(self, sent: Sent, violation: str | None) -> _Fault | None:
        with self._lock:
            self._sent.append(sent)
            self._violations += [violation] if violation else []
            fault = next((each for each in self._faults if each.meets(sent)), None)
            if fault:
                fault.left -= 1
                self._faults = [each for each in self._faults if each.left]
            return fault

    def _check(self, sent: Sent, reply: Reply) -> None:
        violation = answer_violation(sent, status=reply.status, content=reply.content)
        with self._lock:
            self._violations += [violation] if violation else []

    def _at_home(self, reply: Reply, sent: Sent) -> Reply:
        """The answer with our addresses in place of the peer's."""
        theirs = f"{self._upstream.scheme}://{self._upstream.netloc}"
        for part in ("/repos/", "/repositories/", "/users/", ""):
            ours = f"{self.url}{sent.prefix if part else ''}{part}"
            content = reply.content.replace(f"{theirs}{part}".encode(), ours.encode())
            reply = Reply(status=reply.status, content=content, headers=reply.headers)
        return reply

    def _tagged(self, reply: Reply, sent: Sent) -> Reply:
        """A read's good answer with its tag; none where the asker has it already."""
        if sent.method != "GET" or not reply.is_good:
            return reply
        etag = f'W/"{hashlib.sha256(reply.content).hexdigest()}"'
        if sent.headers.get("if-none-match") == etag:
            return Reply(status=304, headers={"etag": etag})
        with self._lock:
            self._fresh.append(sent.path)
        return Reply(status=reply.status, content=reply.content, headers={**reply.headers, "etag": etag})

    def ask(self, sent: Sent) -> Reply:
        """The peer's own answer."""
        with closing(
            http.client.HTTPConnection(self._upstream.hostname or "", self._upstream.port, timeout=120)
        ) as line:
            kept = {name: value for name, value in sent.headers.items() if name not in {*_HOP, "host"}}
            path = f"{self._upstream.path}{sent.path}" + (f"?{sent.query}" if sent.query else "")
            line.request(sent.method, path, body=sent.body or None, headers=kept)
            answer = line.getresponse()
            headers = {name.lower(): value for name, value in answer.getheaders() if name.lower() not in _HOP}
            return Reply(status=answer.status, content=answer.read(), headers=headers)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *words: Any, front: GitHubFront) -> None:
        self.front = front
        super().__init__(*words)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _serve(self) -> None:
        address = urlsplit(self.path)
        prefix = ENTERPRISE if address.path.startswith(f"{ENTERPRISE}/") else ""
        sent = Sent(
            method=self.command,
            path=address.path.removeprefix(prefix),
            query=address.query,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(self.headers.get("content-length") or 0)),
            prefix=prefix,
            at=time.monotonic(),
        )
        reply = self.server.front.handle(sent)
        if reply is None:
            self._reset()
            return
        self.send_response_only(reply.status)
        common = {"date": self.date_time_string(), "content-length": str(len(reply.content))}
        for name, value in {**common, **reply.headers}.items():
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
