"""Connections that are shared, made again with patience, and never hammered at a machine that says no."""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Generic, Protocol, TypeVar
from weakref import WeakKeyDictionary

from miyabi.errors import MachineError, MachineUnreachable
from miyabi.machines.ssh.errors import ClosedAtOnce
from miyabi.system import Backoff

HANDSHAKES_AT_ONCE = 8  # sshd's MaxStartups begins to refuse at 10 that are not logged in yet
STREAMS_BESIDE_COMMANDS = 4  # with 5 commands below MaxSessions 10
STREAMS_ALONE = 8
REFUSAL_REMEMBERED_SECONDS = 30  # as long as sshd's own penalty for failed logins
FIRST_CAUSE_REMEMBERED_SECONDS = 300
_CLOSE_WITHIN_SECONDS = 2
_RECONNECT = Backoff(0.2, 5, jitter=0.33)

_handshakes: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, int], asyncio.Semaphore]] = (
    WeakKeyDictionary()
)


def handshakes(host: str, port: int) -> asyncio.Semaphore:
    """Returns the semaphore of an sshd's logins, 8 at once; shared by all machines and jumps that lead there.

    sshd refuses some at 10 that are not logged in yet: `MaxStartups 10:30:100` of sshd_config(5).
    """
    here = _handshakes.setdefault(asyncio.get_running_loop(), {})
    return here.setdefault((host, port), asyncio.Semaphore(HANDSHAKES_AT_ONCE))


class Connection(Protocol):
    """What the pool needs to know of a connection."""

    def is_closed(self) -> bool:
        """Returns whether it is gone."""
        ...

    def close(self) -> None:
        """Ends it politely: what was sent still arrives."""
        ...

    def abort(self) -> None:
        """Ends it at once."""
        ...

    async def wait_closed(self) -> None:
        """Waits until it is gone."""
        ...


C = TypeVar("C", bound=Connection)


class SessionNotOpened(Exception):  # noqa: N818 - says what happened; it never leaves the pool's users
    """The connection has no session free, or is gone: the command never ran, so it may be tried again."""


class FailureMemory:
    """What went wrong with one machine: a refusal is repeated from memory, the first cause outlives its echoes."""

    def __init__(self) -> None:
        self._first: MachineError | None = None
        self._since = 0.0

    def check(self) -> None:
        """Raises the refusal that the machine gave a moment ago: asking again would be punished.

        Raises:
            MachineError: a copy of the refusal, within 30 s of it.
        """
        if self._first and time.monotonic() - self._since < REFUSAL_REMEMBERED_SECONDS:
            raise copy.copy(self._first)

    def failed(self, error: MachineError) -> MachineError:
        """Notes an error and returns the one to report: for a penalty, the earlier refusal that it is for."""
        age = time.monotonic() - self._since
        if not error.transient:
            self._first, self._since = error, time.monotonic()
        elif isinstance(error, ClosedAtOnce) and self._first and age < FIRST_CAUSE_REMEMBERED_SECONDS:
            return copy.copy(self._first)
        return error

    def worked(self) -> None:
        """Forgets what went wrong."""
        self._first = None


class SharedConnection(Generic[C]):
    """One connection, shared by all who ask, and made again when it is gone."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[C]],
        *,
        explain: Callable[[ClosedAtOnce], Awaitable[MachineError]],
        memory: FailureMemory,
        retry_seconds: float,
    ) -> None:
        self._connect = connect
        self._explain = explain
        self._memory = memory
        self._retry_seconds = retry_seconds
        self._connection: C | None = None
        self._connecting: asyncio.Task[C] | None = None
        self._pauses = iter(_RECONNECT)
        self._not_before = 0.0

    async def get(self) -> C:
        """Returns the living connection; many who ask at once wait for the same one.

        Raises:
            MachineError: as `connect` raised; transient ones only after `retry_seconds` of trying.
            MachineUnreachable: `close` was called while the connection was made.
        """
        if self._connection is not None and not self._connection.is_closed():
            return self._connection
        self._memory.check()
        if self._connecting is None or self._connecting.done():
            self._connecting = asyncio.create_task(self._connect_patiently())
            self._connecting.add_done_callback(_look_at)
        connecting = self._connecting
        try:
            return await asyncio.shield(connecting)
        except MachineError as error:
            raise copy.copy(error) from None  # many wait for one error, and each raise adds to its traceback
        except asyncio.CancelledError:
            if connecting.cancelled():
                raise MachineUnreachable("The connection was closed by us while it was made.") from None
            raise

    async def _connect_patiently(self) -> C:
        give_up = time.monotonic() + self._retry_seconds
        while True:
            await asyncio.sleep(self._not_before - time.monotonic())
            try:
                self._connection = await self._connect()
            except MachineError as error:
                self._not_before = time.monotonic() + next(self._pauses)
                if not error.transient or self._not_before > give_up:
                    raise self._memory.failed(await self._explained(error)) from error
            else:
                self._pauses, self._not_before = iter(_RECONNECT), 0.0
                self._memory.worked()
                return self._connection

    async def _explained(self, error: MachineError) -> MachineError:
        return await self._explain(error) if isinstance(error, ClosedAtOnce) else error

    def give_up(self, connection: C) -> None:
        """Drops a connection that does not answer any more, whatever it thinks of itself: `get` makes a new one."""
        if self._connection is connection:
            self._connection = None
        connection.abort()

    async def close(self) -> None:
        """Closes the connection, within two seconds; `get` would make a new one."""
        if self._connecting and not self._connecting.done():
            self._connecting.cancel()
            with suppress(asyncio.CancelledError, MachineError):
                await self._connecting
        connection, self._connection = self._connection, None
        if connection is not None:
            await _close(connection)


async def _close(connection: Connection) -> None:
    connection.close()
    try:
        async with asyncio.timeout(_CLOSE_WITHIN_SECONDS):
            await connection.wait_closed()
    except TimeoutError:
        connection.abort()


def _look_at(task: asyncio.Task[C]) -> None:
    """Nobody may be left to hear of a failure, and asyncio complains of those."""
    if not task.cancelled():
        task.exception()


class ConnectionPool(Generic[C]):
    """Which connection a stream goes on: some beside the commands on the main one, more on further ones."""

    def __init__(self, make: Callable[[], SharedConnection[C]]) -> None:
        self._make = make
        self.main = make()
        self._streams: dict[SharedConnection[C], int] = {self.main: 0}

    @asynccontextmanager
    async def for_stream(self) -> AsyncIterator[SharedConnection[C]]:
        """Yields a connection with room for one stream more; a further one is closed when its last stream ends."""
        shared = (
            next((shared for shared, streams in self._streams.items() if streams < self._room(shared)), None)
            or self._make()
        )
        self._streams[shared] = self._streams.get(shared, 0) + 1
        try:
            yield shared
        finally:
            self._streams[shared] -= 1
            if shared is not self.main and not self._streams[shared]:
                del self._streams[shared]
                await shared.close()

    def _room(self, shared: SharedConnection[C]) -> int:
        return STREAMS_BESIDE_COMMANDS if shared is self.main else STREAMS_ALONE

    async def close(self) -> None:
        """Closes every connection."""
        for shared in list(self._streams):
            await shared.close()
