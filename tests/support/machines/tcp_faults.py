"""TCP faults without root: a proxy that cuts, swallows or delays, and ports that answer in odd ways."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress


class Chaos:
    """A proxy in front of host:port, at 127.0.0.1:`port`. Made by `chaos`.

    `delay_seconds` holds data back each way; `cut_after_bytes` resets every connection when so much has passed.
    """

    def __init__(self, host: str, port: int) -> None:
        self.port = 0
        self.accepted = 0
        self.delay_seconds = 0.0
        self.cut_after_bytes = 0
        self._behind = (host, port)
        self._moved = 0
        self._passing = asyncio.Event()
        self._passing.set()
        self._refusing = False
        self._writers: set[asyncio.StreamWriter] = set()

    def swallow(self) -> None:
        """A silent drop: connections stay open and nothing moves."""
        self._passing.clear()

    def pass_on(self) -> None:
        """What was swallowed arrives, and all goes on."""
        self._refusing = False
        self._passing.set()

    def reset_new(self) -> None:
        """New connections are reset at once."""
        self._refusing = True

    def cut(self) -> None:
        """A reset on every connection."""
        for writer in list(self._writers):
            _reset(writer)
        self._writers.clear()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection."""
        self.accepted += 1
        self._writers.add(writer)
        if self._refusing:
            self.cut()
            return
        with suppress(OSError):
            there, back = await asyncio.open_connection(*self._behind)
            self._writers.add(back)
            await asyncio.gather(self._pump(reader, back), self._pump(there, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(65536):
                await asyncio.sleep(self.delay_seconds)
                await self._passing.wait()
                self._moved += len(chunk)
                if 0 < self.cut_after_bytes < self._moved:
                    self.cut()
                    return
                writer.write(chunk)
                await writer.drain()
        except OSError:
            pass
        finally:
            self._writers.discard(writer)
            writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@asynccontextmanager
async def chaos(host: str, port: int) -> AsyncIterator[Chaos]:
    """A proxy in front of host:port until the context ends."""
    proxy = Chaos(host, port)
    async with odd_server(proxy.accept) as proxy.port:
        try:
            yield proxy
        finally:
            proxy.cut()


@asynccontextmanager
async def odd_server(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """A port of 127.0.0.1 where every connection is given to `serve`, and is closed when that returns."""
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(task := asyncio.current_task())  # type: ignore[arg-type]  # a coroutine runs in a task
        try:
            await serve(reader, writer)
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def says(text: bytes, *, then_seconds: float = 0) -> Callable[..., Awaitable[None]]:
    """A server that says this, then nothing for a while, then closes."""

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await writer.drain()
        await asyncio.sleep(then_seconds)

    return serve


def closed_port() -> int:
    """A port where nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
