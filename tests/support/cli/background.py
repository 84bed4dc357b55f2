"""What goes on beside a test in a thread of its own: servers on loopback, and watchers."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from socketserver import BaseServer
from typing import Self


class Serving:
    """Serves from construction until `close`."""

    def __init__(self, server: BaseServer) -> None:
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it is, without a path."""
        host, port = self._server.server_address[:2]  # type: ignore[misc] # an address of the internet
        return f"http://{host!s}:{port}"

    def close(self) -> None:
        """Stops serving."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Watching(ABC):
    """Looks at something every so many seconds, within its context."""

    def __init__(self, *, every_seconds: float) -> None:
        self._every_seconds = every_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=type(self).__name__, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @abstractmethod
    def look(self) -> None:
        """One look."""

    def _watch(self) -> None:
        while not self._stop.wait(self._every_seconds):
            self.look()
