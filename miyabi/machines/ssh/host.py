"""A machine over SSH as a host: who waits for whom on its connections, and what a process's end means."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext, suppress
from itertools import islice
from pathlib import Path
from typing import IO, Any, Protocol

from miyabi.errors import MachineError
from miyabi.machines.host import Completed
from miyabi.machines.machine import Machine
from miyabi.machines.quoting import command_line
from miyabi.machines.ssh import errors
from miyabi.machines.ssh.pool import Connection, ConnectionPool, FailureMemory, SessionNotOpened, SharedConnection
from miyabi.machines.ssh.resolve import resolve
from miyabi.machines.ssh.target import SshTarget
from miyabi.system import Backoff, shell_status

COMMANDS_AT_ONCE = 5  # sshd frees a session late: with 6 of MaxSessions 10 some are refused already
OPEN_ATTEMPTS = 25  # eight seconds
_CHUNK_BYTES = 262144
_STDERR_BYTES = 65536
_CLOSE_WITHIN_SECONDS = 5
_OPEN_AGAIN = Backoff(0.002, 0.5, jitter=0.33)
_OPEN_WITHIN_SECONDS = 20  # keepalive may be slower, and sshd opens one in milliseconds


class Channel(Protocol):
    """A command that runs there. Reading raises ConnectionDropped when the link goes."""

    async def read(self) -> bytes:
        """Reads its next stdout, at most 64 KiB; empty at the end."""
        ...

    async def read_stderr(self) -> bytes:
        """Reads its next stderr, at most 64 KiB; empty at the end."""
        ...

    async def write(self, data: bytes) -> bool:
        """Writes to its stdin; returns False when it reads no more."""
        ...

    def end_input(self) -> None:
        """Ends its stdin."""
        ...

    async def wait(self) -> int | None:
        """Waits for its exit status, negative for a signal; None when the link went before it came."""
        ...

    async def end(self) -> None:
        """Ends it: TERM to its process group, if it still runs, so that git removes its locks; then KILL."""
        ...


class CommandConnection(Connection, Protocol):
    """A connection that runs commands."""

    async def start(self, line: str, *, only_stdout: bool = False) -> Channel:
        """Starts the line by the login shell. `only_stdout`: no stdin, and stderr is thrown away.

        Not to be cancelled: what sshd is about to open then would run on with nobody to end it.

        Raises:
            SessionNotOpened: it did not run; another time it may.
            MachineError: sshd runs no commands, or the link went.
        """
        ...


class SshHost:
    """A machine over SSH: one connection shared by all, made again with patience, further ones for many streams.

    A process that ended by a signal has the exit status that a shell gives it: 128 and the signal's number.
    """

    def __init__(
        self,
        machine: Machine,
        *,
        connect: Callable[[SshTarget], Awaitable[CommandConnection]],
        retry_seconds: float = 3,
    ) -> None:
        self._machine = machine
        self._connect = connect
        self._target: SshTarget | None = None
        self._commands = asyncio.Semaphore(COMMANDS_AT_ONCE)
        self._ending: set[asyncio.Future[None]] = set()
        memory = FailureMemory()
        self._pool = ConnectionPool(
            lambda: SharedConnection(self._connected, explain=_explained, memory=memory, retry_seconds=retry_seconds)
        )

    @property
    def name(self) -> str:
        """Name of the machine, as in the fleet."""
        return self._machine.name

    @property
    def target(self) -> SshTarget:
        """The sshd that was found at the last connect; to be asked only while a connection is held."""
        assert self._target is not None, "not connected yet"  # noqa: S101 - whoever asks holds a connection
        return self._target

    async def run(
        self,
        words: Sequence[str],
        *,
        stdin: bytes | Path = b"",
        stdout: Path | None = None,
        timeout_seconds: float = 60,
    ) -> Completed:
        """Runs a command as `miyabi.machines.host.Host.run` says.

        `timeout_seconds` counts twice: for connecting, and for the command. Waiting for its turn on the connection, of
        which there are five, counts for neither.

        Raises:
            MachineError: as `Host.run`.
        """
        line = command_line(words)
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._pool.main.get()
        except TimeoutError:
            raise errors.too_slow(self.name, seconds=timeout_seconds) from None
        with _source(stdin) as source, stdout.open("wb") if stdout else nullcontext() as sink:
            async with self._commands:
                return await self._run(line, source, sink, timeout_seconds=timeout_seconds)

    async def _run(
        self, line: str, source: Iterator[bytes], sink: IO[bytes] | None, *, timeout_seconds: float
    ) -> Completed:
        channel = None
        try:
            async with asyncio.timeout(timeout_seconds):
                channel = await self._start(self._pool.main, line)
                return await self._finish(channel, source, sink)
        except TimeoutError:
            if channel:
                await channel.end()
            raise errors.unanswered(self.target, line, seconds=timeout_seconds) from None
        finally:
            if channel:
                self._end_soon(channel.end())

    async def _finish(self, channel: Channel, source: Iterator[bytes], sink: IO[bytes] | None) -> Completed:
        feeding = asyncio.create_task(_feed(channel, source))
        try:
            out, err = await asyncio.gather(_collect(channel, sink), _tail(channel))
            status = await channel.wait()
        finally:
            feeding.cancel()
        if status is None:
            raise errors.dropped(self.target, "no exit status")
        return Completed(exit_status=shell_status(status), stdout=out, stderr=err)

    def stream(self, words: Sequence[str]) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Runs a command and yields its stdout as `miyabi.machines.host.Host.stream` says."""
        return self._stream(command_line(words))

    @asynccontextmanager
    async def _stream(self, line: str) -> AsyncIterator[AsyncIterator[bytes]]:
        async with self._pool.for_stream() as shared:
            channel = await self._start(shared, line, only_stdout=True)
            try:
                yield _chunks(channel)
            finally:
                self._end_soon(channel.end())

    async def close(self) -> None:
        """Closes the connections, when commands that nobody waits for have ended; what runs detached there goes on."""
        if self._ending:
            await asyncio.wait(self._ending, timeout=_CLOSE_WITHIN_SECONDS)
        await self._pool.close()

    async def _connected(self) -> CommandConnection:
        self._target = await resolve(self._machine)
        return await self._connect(self._target)

    async def _start(
        self, shared: SharedConnection[CommandConnection], line: str, *, only_stdout: bool = False
    ) -> Channel:
        reason = ""
        for pause in islice(_OPEN_AGAIN, OPEN_ATTEMPTS):
            connection = await shared.get()
            opening = asyncio.ensure_future(connection.start(line, only_stdout=only_stdout))
            try:
                async with asyncio.timeout(_OPEN_WITHIN_SECONDS):
                    return await asyncio.shield(opening)
            except asyncio.CancelledError:
                self._end_soon(_end_unwanted(opening))
                raise
            except TimeoutError:
                self._end_soon(_end_unwanted(opening))
                shared.give_up(connection)
                raise errors.dropped(self.target, f"no session within {_OPEN_WITHIN_SECONDS} s") from None
            except SessionNotOpened as error:
                reason = str(error)
                await asyncio.sleep(pause)
        raise errors.no_session(self.target, reason)

    def _end_soon(self, ending: Coroutine[Any, Any, None]) -> None:
        """A command ends in its own time: its caller has gone, or has what it wanted."""
        task = asyncio.ensure_future(ending)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


async def _end_unwanted(opening: Awaitable[Channel]) -> None:
    with suppress(SessionNotOpened, MachineError):
        await (await opening).end()


async def _explained(error: errors.ClosedAtOnce) -> MachineError:
    """The same error with what the port itself says, where we can ask it directly."""
    target = error.target
    if target is None or target.jump or target.proxy_command:
        return error
    return errors.closed(target, banner=await read_banner(target.host, target.port))


@contextmanager
def _source(stdin: bytes | Path) -> Iterator[Iterator[bytes]]:
    if isinstance(stdin, bytes):
        yield (stdin[i : i + _CHUNK_BYTES] for i in range(0, len(stdin), _CHUNK_BYTES))
    else:
        with stdin.open("rb") as file:
            yield iter(lambda: file.read(_CHUNK_BYTES), b"")


async def _feed(channel: Channel, source: Iterator[bytes]) -> None:
    for chunk in source:
        if not await channel.write(chunk):
            return
    channel.end_input()


async def _collect(channel: Channel, sink: IO[bytes] | None) -> bytes:
    kept = bytearray()
    async for chunk in _chunks(channel):
        if sink:
            sink.write(chunk)
        else:
            kept += chunk
    return bytes(kept)


async def _tail(channel: Channel) -> bytes:
    kept = bytearray()
    while chunk := await channel.read_stderr():
        kept += chunk
        del kept[:-_STDERR_BYTES]
    return bytes(kept)


async def _chunks(channel: Channel) -> AsyncIterator[bytes]:
    while chunk := await channel.read():
        yield chunk


_WITHIN_SECONDS = 3
_LONGEST_LINE = 255


async def read_banner(host: str, port: int) -> str:
    """Reads the first line that the port says; "" where it says nothing within 3 s.

    sshd counts it as a failed login: only after repeated trouble.
    """
    with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        async with asyncio.timeout(_WITHIN_SECONDS):
            return await _first_line(host, port)
    return ""


async def _first_line(host: str, port: int) -> str:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        return (await reader.read(_LONGEST_LINE)).partition(b"\n")[0].decode(errors="replace").strip()
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
