"""The ways in which a connect fails before anybody has shown a key."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from miyabi.errors import HostKeyRefused, LoginRefused, MachineError, MachineUnreachable
from miyabi.machines.ssh.errors import ClosedAtOnce
from tests.support.machines import sshd as fleets
from tests.support.machines.ssh_targets import failure, host_at, like, machine
from tests.support.machines.sshd import SshdFleet, start_fleet
from tests.support.machines.tcp_faults import closed_port, odd_server, says

sshd_fleet = fleets.sshd_fleet


@contextmanager
def full_port() -> Iterator[int]:
    """A port whose queue is full: further packets vanish, as behind a firewall."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        yield server.getsockname()[1]


async def test_connection_refused(tmp_path: Path) -> None:
    """A port where nothing listens is a transient fault that asks for sshd."""
    port = closed_port()
    error = await failure(machine(tmp_path, HostName="127.0.0.1", Port=port))
    assert isinstance(error, MachineUnreachable)
    assert error.transient
    assert f"nothing listens on port {port}. Is sshd running" in str(error)


async def test_refused_on_every_address_of_a_name(tmp_path: Path) -> None:
    """A name with several addresses, refused on all, says refused and not a list of errors."""
    error = await failure(machine(tmp_path, HostName="localhost", Port=closed_port()))
    assert "connection refused" in str(error)


@pytest.mark.parametrize("name", ["mac..lan", f"{'x' * 64}.lan"])
async def test_a_name_that_cannot_be_one(tmp_path: Path, name: str) -> None:
    """A name that no name service could know is permanent, with what to correct."""
    error = await failure(machine(tmp_path, HostName=name))
    assert isinstance(error, MachineUnreachable)
    assert not error.transient
    assert f"the name {name!r} has no address. Correct `host` or the alias's HostName." in str(error)


async def test_packets_that_vanish(tmp_path: Path) -> None:
    """A machine that is off or behind a firewall is a transient fault with the time that was waited."""
    with full_port() as port:
        error = await failure(machine(tmp_path, HostName="127.0.0.1", Port=port, ConnectTimeout=1))
    assert isinstance(error, MachineUnreachable)
    assert error.transient
    assert "no answer within 1 s. Is it switched on and awake" in str(error)


async def test_accepts_and_stays_silent(tmp_path: Path) -> None:
    """A port that is open and mute is told from one that is not there."""
    async with odd_server(says(b"", then_seconds=30)) as port:
        error = await failure(machine(tmp_path, HostName="127.0.0.1", Port=port, ConnectTimeout=1))
    assert isinstance(error, MachineUnreachable)
    assert "accepts connections and then says nothing for 1 s" in str(error)


async def test_banner_and_then_silence(tmp_path: Path) -> None:
    """An sshd that hangs after its first line is the same fault."""
    async with odd_server(says(b"SSH-2.0-OpenSSH_9.9\r\n", then_seconds=30)) as port:
        error = await failure(machine(tmp_path, HostName="127.0.0.1", Port=port, ConnectTimeout=1))
    assert "sshd hangs, the machine is overloaded" in str(error)


async def test_sshd_that_is_frozen(tmp_path: Path) -> None:
    """A real sshd behind a silent link is the same fault, and is reached again when the link is back."""
    with start_fleet(hosts=1) as fleet:
        where = like(fleet[0], tmp_path, ConnectTimeout=1)
        fleet[0].link_down()
        assert "says nothing" in str(await failure(where))
        fleet[0].link_up()
        async with host_at(where, retry_seconds=3) as host:
            assert (await host.run(["true"])).exit_status == 0


async def test_closes_at_once(tmp_path: Path) -> None:
    """A port that closes every connection is a transient fault that asks whether it is sshd."""
    async with odd_server(says(b"")) as port:
        error = await failure(machine(tmp_path, HostName="127.0.0.1", Port=port))
    assert isinstance(error, ClosedAtOnce)
    assert error.transient
    assert "closes every connection at once. Is that sshd" in str(error)


async def test_penalty_for_earlier_failures(tmp_path: Path) -> None:
    """The one line with which sshd 9.8 locks an address out is read and explained."""
    async with odd_server(says(b"Not allowed at this time\r\n")) as port:
        error = await failure(machine(tmp_path, HostName="127.0.0.1", Port=port))
    assert error.transient
    assert "because of earlier failed logins (PerSourcePenalties)" in str(error)


async def test_max_startups(tmp_path: Path) -> None:
    """A real sshd with all its login places taken is named as such, with the setting to raise."""
    with start_fleet(hosts=1, sshd_options=["MaxStartups 1"]) as fleet:
        writer = await greeted(fleet[0].port)
        error = await failure(like(fleet[0], tmp_path))
        assert error.transient
        assert "sshd takes no more logins at once. Raise MaxStartups" in str(error)
        writer.close()
        async with host_at(like(fleet[0], tmp_path), retry_seconds=3) as host:
            assert (await host.run(["true"])).exit_status == 0


async def greeted(port: int) -> asyncio.StreamWriter:
    """A connection that has one of sshd's login places; whoever looked whether it listens may have had the last one."""
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        if (await reader.readline()).startswith(b"SSH-2.0"):
            return writer
        writer.close()


async def test_http_server(tmp_path: Path) -> None:
    """A port that speaks HTTP will not speak SSH later: permanent, and what it said is shown."""
    async with odd_server(says(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")) as port:
        error = await failure(machine(tmp_path, HostName="127.0.0.1", Port=port))
    assert isinstance(error, MachineUnreachable)
    assert not error.transient
    assert "it says 'HTTP/1.1 400 Bad Request'). Is the port right?" in str(error)


async def test_ssh_1_server(tmp_path: Path) -> None:
    """An SSH 1 server is permanent too."""
    async with odd_server(says(b"SSH-1.5-ancient\r\n", then_seconds=5)) as port:
        error = await failure(machine(tmp_path, HostName="127.0.0.1", Port=port))
    assert not error.transient
    assert "does not speak SSH 2" in str(error)


@pytest.mark.parametrize("option", ["Ciphers aes256-cbc", "KexAlgorithms diffie-hellman-group1-sha1"])
async def test_no_common_algorithm(tmp_path: Path, option: str) -> None:
    """An sshd with only old algorithms of a kind is permanent, and says what it has."""
    with start_fleet(hosts=1, sshd_options=[option]) as fleet:
        for _ in range(20):  # sshd may be gone before it could be read what it had: as with any closed door
            error = await failure(like(fleet[0], tmp_path))
            if not error.transient:
                break
    assert isinstance(error, MachineUnreachable)
    assert not error.transient
    assert "no algorithm in common" in str(error)
    assert option.split()[1] in str(error)


async def test_refused_is_tried_again_for_a_while(tmp_path: Path, sshd_fleet: SshdFleet) -> None:
    """An sshd that comes back within the patience is not even noticed."""
    host = sshd_fleet[1]
    async with host_at(like(host, tmp_path), retry_seconds=5) as there:
        host.stop_sshd()
        waiting = asyncio.create_task(there.run(["true"]))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await asyncio.to_thread(host.start_sshd)
        assert (await waiting).exit_status == 0


@pytest.mark.parametrize(
    ("option", "fault"), [({"User": "nobody-here"}, LoginRefused), ({"UserKnownHostsFile": "/no/such"}, HostKeyRefused)]
)
async def test_a_refusal_is_asked_for_once(tmp_path: Path, option: dict[str, str], fault: type[MachineError]) -> None:
    """A login or host key that is refused is not tried again, however many ask: sshd would lock us out."""
    with start_fleet(hosts=1) as fleet:
        host = fleet[0]
        before = host.connections()
        async with host_at(like(host, tmp_path, **option), retry_seconds=5) as there:
            failures = await asyncio.gather(*(there.run(["true"]) for _ in range(20)), return_exceptions=True)
            failures += await asyncio.gather(*(there.run(["true"]) for _ in range(20)), return_exceptions=True)
        assert {type(f) for f in failures} == {fault}
        assert host.connections() - before == 1
