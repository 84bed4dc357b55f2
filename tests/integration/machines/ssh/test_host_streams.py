"""Streams: output as it comes, many at once, over as few connections as sshd's limits allow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from miyabi.errors import LoginRefused
from miyabi.machines import Host, open_host
from tests.support.machines.ssh_targets import until
from tests.support.machines.sshd import SshdFleet, alive, start_fleet


@pytest.fixture
def counted_fleet() -> Iterator[SshdFleet]:
    """One machine of our own, whose log we count in."""
    with start_fleet(hosts=1) as started:
        yield started


@pytest.fixture
async def counted_host(counted_fleet: SshdFleet) -> AsyncIterator[Host]:
    """That machine."""
    opened = open_host(counted_fleet[0].machine())
    yield opened
    await opened.close()


async def test_output_as_it_comes(counted_host: Host) -> None:
    """Chunks arrive while the command runs, and the stream ends with it."""
    async with counted_host.stream(["sh", "-c", "echo one; read line; echo never"]) as chunks:
        assert b"".join([chunk async for chunk in chunks]) == b"one\nnever\n"
    async with counted_host.stream(["sh", "-c", "echo one; sleep 0.2; echo two >&2; echo three; exit 4"]) as chunks:
        assert [chunk async for chunk in chunks] == [b"one\n", b"three\n"]


async def test_leaving_ends_the_command(counted_host: Host) -> None:
    """A reader that is left has nobody to write to, and ends; nothing tails a log for ever."""
    async with counted_host.stream(["sh", "-c", "echo $$; while echo tick; do sleep 0.05; done"]) as chunks:
        pid = int((await anext(chunks)).split()[0])
    await until(lambda: not alive(pid))


async def test_many_streams_beside_commands(counted_host: Host, counted_fleet: SshdFleet) -> None:
    """Four streams share the commands' connection, each further one takes eight, and idle ones are closed."""
    async with AsyncExitStack() as stack:
        for n in range(13):
            chunks = await stack.enter_async_context(counted_host.stream(["sh", "-c", f"echo {n}; exec sleep 60"]))
            assert await anext(chunks) == f"{n}\n".encode()
        done = await asyncio.gather(*(counted_host.run(["echo", str(n)]) for n in range(20)))
        assert [d.stdout for d in done] == [f"{n}\n".encode() for n in range(20)]
        assert counted_fleet[0].log.count("Accepted publickey") == 3
    await until(lambda: counted_fleet[0].log.count("Disconnected from user") == 2)
    assert (await counted_host.run(["echo", "still"])).stdout == b"still\n"
    assert counted_fleet[0].log.count("Accepted publickey") == 3


async def test_a_slow_reader_holds_the_writer(counted_host: Host) -> None:
    """Output that nobody takes waits on the machine, not in our memory, and holds up nobody else."""
    async with counted_host.stream(["sh", "-c", "head -c 100000000 /dev/zero; echo over >&2"]) as chunks:
        first = await anext(chunks)
        assert (await counted_host.run(["echo", "beside"])).stdout == b"beside\n"
        rest = 0
        async for chunk in chunks:
            assert len(chunk) <= 65536
            rest += len(chunk)
    assert len(first) + rest == 100_000_000


async def test_a_stream_that_cannot_begin(counted_fleet: SshdFleet) -> None:
    """Faults of the connection come on entering, as for a command."""
    counted_fleet[0].home.joinpath(".ssh", "authorized_keys").write_text("")
    counted_host = open_host(counted_fleet[0].machine())
    with pytest.raises(LoginRefused):
        async with counted_host.stream(["true"]):
            pytest.fail("entered")
    await counted_host.close()
