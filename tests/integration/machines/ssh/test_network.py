"""Faults that need a network of their own: machines in namespaces, with links, power and users like real ones."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from miyabi.errors import ConnectionDropped, MachineError, MachineUnreachable
from tests.support.machines.ssh_targets import failure, hop, host_at, like, until
from tests.support.machines.sshd import SshdFleet, can_make_namespaces, start_fleet

pytestmark = pytest.mark.skipif(not can_make_namespaces(), reason="network namespaces need root on Linux")


@pytest.fixture(scope="module")
def network() -> Iterator[SshdFleet]:
    """Two machines with addresses of their own; the tests run inside their network."""
    with start_fleet(hosts=2, mode="netns") as fleet, fleet.network():
        yield fleet


async def test_nobody_has_the_address(network: SshdFleet, tmp_path: Path) -> None:
    """An address that nobody answers for is transient: switched off, asleep or elsewhere."""
    error = await failure(like(network[0], tmp_path, HostName="10.77.0.99"))
    assert isinstance(error, MachineUnreachable)
    assert error.transient
    assert "No route to host. Is it switched on, awake and in this network?" in str(error)
    assert "Local Network" in str(error)


async def test_no_network(network: SshdFleet, tmp_path: Path) -> None:
    """An address that no route leads to is transient too: this machine may be offline."""
    error = await failure(like(network[0], tmp_path, HostName="192.0.2.7"))
    assert isinstance(error, MachineUnreachable)
    assert error.transient
    assert "Network is unreachable" in str(error)


async def test_no_name_service(network: SshdFleet, tmp_path: Path) -> None:
    """A name that cannot be looked up now may be later."""
    error = await failure(like(network[0], tmp_path, HostName="mac.invalid"))
    assert isinstance(error, MachineUnreachable)
    assert error.transient
    assert "the name service does not answer for 'mac.invalid'. Is this machine online?" in str(error)


async def test_prohibited_on_the_way(network: SshdFleet, tmp_path: Path) -> None:
    """A router that says "administratively prohibited" is told at once, as no way there."""
    network.command("inhost", "h1", "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
    network.command("inhost", "h1", "ip", "route", "add", "prohibit", "198.51.100.0/24")
    control(network, "route", "add", "198.51.100.0/24", "via", network[0].address)
    error = await failure(like(network[0], tmp_path, HostName="198.51.100.7", ConnectTimeout=60))
    assert isinstance(error, MachineUnreachable)
    assert error.transient
    assert "No route to host. Is it switched on" in str(error)


async def test_a_name_that_nobody_has(network: SshdFleet, tmp_path: Path) -> None:
    """A name service that knows no such name is permanent: the configuration names something that is not there."""
    async with name_service_without_names(network):
        error = await failure(like(network[0], tmp_path, HostName="mac.example"))
    assert isinstance(error, MachineUnreachable)
    assert not error.transient
    assert "the name 'mac.example' has no address. Correct `host` or the alias's HostName." in str(error)


async def test_nobody_at_the_address_behind_the_jump(network: SshdFleet, tmp_path: Path) -> None:
    """A jump host that finds no way to the machine is named with the reason."""
    error = await failure(like(network[0], tmp_path, HostName="10.77.0.99", ProxyJump="h2", more=hop(network, 1)))
    assert isinstance(error, MachineUnreachable)
    assert error.transient
    assert f"its jump host h2 (runner@{network[1].address}:22) cannot connect to it: No route to host" in str(error)


async def test_jump_host_that_is_off(network: SshdFleet, tmp_path: Path) -> None:
    """Where nobody answers for the jump host's address, the message is about the jump host."""
    error = await failure(like(network[0], tmp_path, ProxyJump="h2", more=hop(network, 1, HostName="10.77.0.98")))
    assert isinstance(error, MachineUnreachable)
    assert error.transient
    assert str(error).startswith("m: jump host h2 (runner@10.77.0.98:22): No route to host")


async def test_link_down_in_mid_command(network: SshdFleet, tmp_path: Path) -> None:
    """A pulled cable is noticed by keepalive, and the machine is reached again when it is back."""
    where = like(network[0], tmp_path, ServerAliveInterval=1, ServerAliveCountMax=1, ConnectTimeout=1)
    async with host_at(where, retry_seconds=6) as host:
        running = asyncio.create_task(host.run(["sh", "-c", ": >begun; sleep 60"]))
        await until((network[0].home / "begun").exists)
        network[0].link_down()
        with pytest.raises(ConnectionDropped, match="whether it finished is unknown"):
            await running
        waiting = asyncio.create_task(host.run(["echo", "back"]))
        await asyncio.sleep(0.5)
        network[0].link_up()
        assert (await waiting).stdout == b"back\n"


async def test_reboot(network: SshdFleet, tmp_path: Path) -> None:
    """A machine that loses its power drops the command, and is reached again after its boot."""
    async with host_at(like(network[1], tmp_path, ServerAliveInterval=1), retry_seconds=6) as host:
        running = asyncio.create_task(host.run(["sh", "-c", ": >begun; sleep 60"]))
        await until((network[1].home / "begun").exists)
        await asyncio.to_thread(network[1].reboot)
        with pytest.raises(ConnectionDropped):
            await running
        assert (await host.run(["hostname"])).stdout == b"h2\n"


@pytest.mark.parametrize("stubborn", ["", "trap '' TERM;"], ids=["polite", "stubborn"])
async def test_time_is_up(network: SshdFleet, tmp_path: Path, stubborn: str) -> None:
    """A command that takes too long is ended there, also where it ignores TERM."""
    async with host_at(like(network[0], tmp_path)) as host:
        with pytest.raises(MachineError, match="It was told to end"):
            await host.run(["sh", "-c", f"{stubborn} while :; do sleep 0.1; done"], timeout_seconds=0.5)
        await until(lambda: not any("while" in line for line in processes(network)))


async def test_caller_goes_away(network: SshdFleet, tmp_path: Path) -> None:
    """A command whose caller is cancelled, also while it starts, and a stream that is left, are ended there."""
    async with host_at(like(network[0], tmp_path)) as host:
        await host.run(["true"])
        early, late = (asyncio.create_task(host.run(["sleep", f"70{n}"])) for n in range(2))
        await asyncio.sleep(0)
        early.cancel()
        async with host.stream(["sleep", "702"]):
            await until(lambda: {"sleep 701", "sleep 702"} <= processes(network))
            await asyncio.sleep(0.1)
            late.cancel()
        await until(lambda: not {f"sleep 70{n}" for n in range(3)} & processes(network))


async def test_callers_go_away_as_it_begins(network: SshdFleet, tmp_path: Path) -> None:
    """None runs on, at whatever moment it was given up.

    sshd (OpenSSH 9.2) loses a signal that comes before the command leads a process group of its own.
    """
    async with host_at(like(network[0], tmp_path)) as host:
        await host.run(["true"])
        for moment in range(15):
            begun = [asyncio.create_task(host.run(["sleep", f"71{moment:02}{n}"])) for n in range(4)]
            await asyncio.sleep(0.004 * moment)
            for each in begun:
                each.cancel()
            await asyncio.wait(begun)
    await until(lambda: not any(line.startswith("sleep 71") for line in processes(network)))


def processes(network: SshdFleet) -> set[str]:
    """What runs on the first machine."""
    return set(network.command("inhost", "h1", "ps", "-A", "-o", "args=").splitlines())


def control(network: SshdFleet, *words: str) -> None:
    """Runs `ip` in the network that the tests are in."""
    subprocess.run(["ip", "-n", f"{network.tag}-ctl", *words], check=True, capture_output=True)


@contextlib.asynccontextmanager
async def name_service_without_names(network: SshdFleet) -> AsyncIterator[None]:
    """Whoever asks this machine's name service is told, in that network, that there is no such name."""
    address = name_server()
    if not address.startswith("127."):
        control(network, "addr", "replace", f"{address}/{128 if ':' in address else 32}", "dev", "lo")
    answering = asyncio.get_running_loop().create_datagram_endpoint(NoNames, local_addr=(address, 53))
    with contextlib.closing((await answering)[0]):
        yield


def name_server() -> str:
    """Where this machine looks names up."""
    lines = Path("/etc/resolv.conf").read_text().splitlines()
    return next((line.split()[1] for line in lines if line.startswith("nameserver ")), "127.0.0.1")


class NoNames(asyncio.DatagramProtocol):
    """A name service that knows nobody."""

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        """It listens."""
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """NXDOMAIN, with the question and nothing else."""
        question = data[12 : data.index(0, 12) + 5]
        self.transport.sendto(data[:2] + b"\x81\x83" + b"\0\1" + bytes(6) + question, addr)
