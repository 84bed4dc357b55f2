"""Who shares, who waits and what is remembered, with connections that are none."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest

from miyabi.errors import LoginRefused, MachineError, MachineUnreachable
from miyabi.machines.ssh.errors import ClosedAtOnce
from miyabi.machines.ssh.pool import ConnectionPool, FailureMemory, SharedConnection, handshakes


@dataclass(eq=False)
class Wire:
    """A connection for the pool."""

    closed: bool = False

    def is_closed(self) -> bool:
        """Whether it is gone."""
        return self.closed

    def close(self) -> None:
        """Ends it."""
        self.closed = True

    abort = close

    async def wait_closed(self) -> None:
        """It is closed at once."""


@dataclass
class Dialer:
    """Gives these errors one after the other, then connections."""

    errors: list[MachineError] = field(default_factory=list)
    dialled: int = 0
    memory: FailureMemory = field(default_factory=FailureMemory)

    async def dial(self) -> Wire:
        """One attempt."""
        self.dialled += 1
        await asyncio.sleep(0)
        if self.errors:
            raise self.errors.pop(0)
        return Wire()

    def shared(self, *, retry_seconds: float = 0) -> SharedConnection[Wire]:
        """A link that dials so."""
        return SharedConnection(self.dial, explain=explained, memory=self.memory, retry_seconds=retry_seconds)


async def explained(error: ClosedAtOnce) -> MachineError:
    """What the port says."""
    return ClosedAtOnce(f"{error}, explained")


@pytest.fixture
def move_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the pool's clock on."""
    offset = 0.0
    real = time.monotonic

    def move(seconds: float) -> None:
        nonlocal offset
        offset += seconds

    monkeypatch.setattr(time, "monotonic", lambda: real() + offset)
    return move


async def test_one_connection_for_all() -> None:
    """Many who ask at once wait for one attempt and get one connection."""
    dialer = Dialer()
    shared = dialer.shared()
    assert len({id(wire) for wire in await asyncio.gather(*(shared.get() for _ in range(50)))}) == 1
    assert dialer.dialled == 1


async def test_a_dead_connection_is_replaced() -> None:
    """Whoever asks after the loss gets a new one."""
    dialer = Dialer()
    shared = dialer.shared()
    (await shared.get()).close()
    assert not (await shared.get()).is_closed()
    assert dialer.dialled == 2


async def test_one_caller_less() -> None:
    """A caller that goes away does not take the attempt from the others."""
    shared = Dialer().shared()
    first, second = asyncio.create_task(shared.get()), asyncio.create_task(shared.get())
    await asyncio.sleep(0)
    first.cancel()
    assert not (await second).is_closed()


async def test_transient_faults_are_tried_again() -> None:
    """Within the patience nobody hears of them; without any the first one is raised."""
    dialer = Dialer([MachineUnreachable("down", machine="m")])
    assert await dialer.shared(retry_seconds=5).get()
    dialer.errors.append(MachineUnreachable("down", machine="m"))
    with pytest.raises(MachineUnreachable, match="down") as caught:
        await dialer.shared().get()
    assert caught.value.machine == "m"


async def test_refusals_are_remembered(move_clock: Callable[[float], None]) -> None:
    """A refusal is repeated from memory for half a minute, on every link to the machine, and then asked again."""
    dialer = Dialer([LoginRefused("no"), LoginRefused("still no")])
    with pytest.raises(LoginRefused, match=r"^no"):
        await dialer.shared(retry_seconds=5).get()
    with pytest.raises(LoginRefused, match=r"^no"):
        await dialer.shared().get()
    assert dialer.dialled == 1
    move_clock(31)
    with pytest.raises(LoginRefused, match="still no"):
        await dialer.shared().get()


async def test_the_first_cause_is_reported(move_clock: Callable[[float], None]) -> None:
    """Sshd's penalty for a refused login looks like a network fault; it is told as the refusal."""
    dialer = Dialer([LoginRefused("no"), ClosedAtOnce("closed"), MachineUnreachable("off"), ClosedAtOnce("closed")])
    shared = dialer.shared()
    for pause, reported in [(0, "^no"), (31, "^no"), (31, "off"), (300, "closed, explained")]:
        move_clock(pause)
        with pytest.raises(MachineError, match=reported):
            await shared.get()
    move_clock(6)
    assert await shared.get()


async def test_closing_while_it_connects() -> None:
    """Who waits for a connection that is closed meanwhile is told, and does not hang."""
    never = asyncio.Event()

    async def dial() -> Wire:
        await never.wait()
        return Wire()

    shared = SharedConnection(dial, explain=explained, memory=FailureMemory(), retry_seconds=0)
    waiting = asyncio.create_task(shared.get())
    await asyncio.sleep(0)
    await shared.close()
    with pytest.raises(MachineUnreachable, match="closed by us"):
        await waiting


async def test_streams_share_connections() -> None:
    """Streams fill the main connection's four places, then eight on each further one; empty ones are closed."""
    dialer = Dialer()
    pool = ConnectionPool(dialer.shared)
    async with AsyncExitStack() as stack:
        taken = [await stack.enter_async_context(pool.for_stream()) for _ in range(14)]
        wires = [await shared.get() for shared in taken]
        assert [wires.count(wire) for wire in dict.fromkeys(wires)] == [4, 8, 2]
        assert taken[0] is pool.main
    assert [wire.closed for wire in dict.fromkeys(wires)] == [False, True, True]
    await pool.close()
    assert wires[0].closed


async def test_handshakes_at_once() -> None:
    """Eight logins at one sshd at a time, however many links; another sshd has its own eight."""
    held = [handshakes("a", 22) for _ in range(8)]
    for place in held:
        await place.acquire()
    assert handshakes("a", 22).locked()
    assert not handshakes("b", 22).locked()
