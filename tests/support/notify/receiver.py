"""A service that takes messages: an HTTP server on loopback that keeps what Apprise's `json://` posts to it."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(slots=True, kw_only=True)
class Receiver:
    """What came, in order. It answers the next requests with `refusals`, one each, then always with 200."""

    port: int = 0
    posts: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[int] = field(default_factory=list)

    @property
    def headlines(self) -> list[str]:
        """The first lines of what came."""
        return [post["title"] for post in self.posts]

    def url(self, path: str = "") -> str:
        """Its address for Apprise."""
        return f"json://127.0.0.1:{self.port}/{path}"


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver, until the block ends."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = receiver.refusals.pop(0) if receiver.refusals else 200
            if status == 200:
                receiver.posts.append(json.loads(body))
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
