"""A way to a Prefect server that can be cut while the server itself goes on."""

from __future__ import annotations

import asyncio
import threading
from typing import Self
from urllib.parse import urlsplit

from tests.support.machines.tcp_faults import chaos


class ServerLine:
    """A proxy in front of a server, in a thread of its own; between `end` and `begin` nothing gets through."""

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url)
        self._loop = asyncio.new_event_loop()
        self._ready, self._over = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)

    async def _serve(self) -> None:
        async with chaos(self._address.hostname or "", self._address.port or 0) as self._proxy:
            self._ready.set()
            await self._over.wait()

    @property
    def url(self) -> str:
        """Its own address."""
        return self._address._replace(netloc=f"127.0.0.1:{self._proxy.port}").geturl()

    def end(self) -> None:
        """From now on each connection is reset, those that are open too."""
        self._loop.call_soon_threadsafe(self._proxy.reset_new)
        self._loop.call_soon_threadsafe(self._proxy.cut)

    def begin(self) -> None:
        """It answers again."""
        self._loop.call_soon_threadsafe(self._proxy.pass_on)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()
        self._loop.close()
