"""Links that go in mid-command. asyncssh calls most of these a success; here none is."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import asyncssh
import pytest

from miyabi.errors import ConnectionDropped, LoginRefused
from miyabi.machines import Completed, Machine
from miyabi.machines.ssh import host as ssh_host
from miyabi.machines.ssh.host import SshHost
from tests.support.machines import sshd as fleets
from tests.support.machines.processes import at_most
from tests.support.machines.ssh_targets import host_at, like, machine, make_key, public, until
from tests.support.machines.sshd import FleetHost, SshdFleet
from tests.support.machines.tcp_faults import chaos

sshd_fleet = fleets.sshd_fleet


def through(port: int, host: FleetHost, folder: Path, *, interval: int = 1) -> Machine:
    """The host behind a proxy at that port, with a keepalive that notices a dead link after two intervals."""
    known = folder / "known"
    known.write_text(f"[127.0.0.1]:{port} {host.host_key}\n")
    more = {"ServerAliveInterval": interval, "ServerAliveCountMax": 1}
    return like(host, folder, Port=port, UserKnownHostsFile=known, **more)


async def begin(host: SshHost, folder: Path, then: str) -> asyncio.Task[Completed]:
    """A command that has surely begun, and has said something."""
    running = asyncio.create_task(host.run(["sh", "-c", f'echo partial; : >"$0"/begun; {then}', str(folder)]))
    await until((folder / "begun").exists)
    return running


async def drops(running: asyncio.Task[Completed]) -> None:
    """The command's outcome is said to be unknown."""
    with pytest.raises(ConnectionDropped, match=r"whether it finished is unknown\. Try: ssh") as caught:
        await running
    assert caught.value.transient
    assert caught.value.machine == "m"


async def test_link_cut(tmp_path: Path, sshd_fleet: SshdFleet) -> None:
    """A reset in mid-command is an unknown outcome, never a result; the next command has a new connection."""
    async with chaos("127.0.0.1", sshd_fleet[0].port) as proxy:
        async with host_at(through(proxy.port, sshd_fleet[0], tmp_path), retry_seconds=3) as host:
            running = await begin(host, tmp_path, "sleep 60")
            proxy.cut()
            await drops(running)
            assert (await host.run(["echo", "again"])).stdout == b"again\n"
        assert proxy.accepted == 2


@pytest.mark.parametrize("position", [30_000, 500_000, 2_900_000])
async def test_output_cut_short(tmp_path: Path, sshd_fleet: SshdFleet, position: int) -> None:
    """Output that the link cuts at any place is never taken for all of it."""
    async with (
        chaos("127.0.0.1", sshd_fleet[0].port) as proxy,
        host_at(through(proxy.port, sshd_fleet[0], tmp_path)) as host,
    ):
        await host.run(["true"])
        proxy.cut_after_bytes = position
        with pytest.raises(ConnectionDropped):
            await host.run(["head", "-c", "3000000", "/dev/zero"])


async def test_sshd_of_the_connection_killed(tmp_path: Path, sshd_fleet: SshdFleet) -> None:
    """Sshd dying in mid-command is an unknown outcome too."""
    async with host_at(like(sshd_fleet[0], tmp_path), retry_seconds=3) as host:
        running = await begin(host, tmp_path, "sleep 60")
        await asyncio.to_thread(sshd_fleet[0].kill_connections)
        await drops(running)
        assert (await host.run(["true"])).exit_status == 0


async def test_silent_link(tmp_path: Path, sshd_fleet: SshdFleet) -> None:
    """A link that swallows everything is noticed by keepalive, after interval * (misses + 1) and not before."""
    async with (
        chaos("127.0.0.1", sshd_fleet[0].port) as proxy,
        host_at(through(proxy.port, sshd_fleet[0], tmp_path), retry_seconds=3) as host,
    ):
        running = await begin(host, tmp_path, "sleep 60")
        proxy.swallow()
        since = time.monotonic()
        await drops(running)
        assert 0.9 < time.monotonic() - since < at_most(6)
        proxy.pass_on()
        assert (await host.run(["true"])).exit_status == 0


async def test_a_dead_link_that_nobody_noticed(
    tmp_path: Path, sshd_fleet: SshdFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that is begun on it does not wait for keepalive: it is dropped, and the next makes a new connection."""
    monkeypatch.setattr(ssh_host, "_OPEN_WITHIN_SECONDS", 1)
    async with (
        chaos("127.0.0.1", sshd_fleet[0].port) as proxy,
        host_at(through(proxy.port, sshd_fleet[0], tmp_path, interval=60), retry_seconds=3) as host,
    ):
        assert (await host.run(["true"])).exit_status == 0
        proxy.swallow()
        with pytest.raises(ConnectionDropped, match="no session within 1 s"):
            async with host.stream(["sleep", "60"]):
                pass
        proxy.pass_on()
        assert (await host.run(["true"])).exit_status == 0
        assert proxy.accepted == 2


async def test_short_outage(tmp_path: Path, sshd_fleet: SshdFleet) -> None:
    """An outage shorter than keepalive's patience loses nothing, and the connection stays."""
    async with (
        chaos("127.0.0.1", sshd_fleet[0].port) as proxy,
        host_at(through(proxy.port, sshd_fleet[0], tmp_path)) as host,
    ):
        running = await begin(host, tmp_path, "sleep 0.5; echo rest")
        proxy.swallow()
        await asyncio.sleep(0.8)
        proxy.pass_on()
        assert await running == Completed(exit_status=0, stdout=b"partial\nrest\n")
        assert proxy.accepted == 1


async def test_stream_cut(tmp_path: Path, sshd_fleet: SshdFleet) -> None:
    """A stream gives all that came and then raises; it does not simply end."""
    async with (
        host_at(like(sshd_fleet[0], tmp_path)) as host,
        host.stream(["sh", "-c", "echo one; sleep 60"]) as chunks,
    ):
        assert await anext(chunks) == b"one\n"
        await asyncio.to_thread(sshd_fleet[0].kill_connections)
        with pytest.raises(ConnectionDropped):
            await anext(chunks)


async def test_the_process_outlives_the_link(tmp_path: Path, sshd_fleet: SshdFleet) -> None:
    """What runs there goes on when the link dies: an unknown outcome may still become a success."""
    async with host_at(like(sshd_fleet[0], tmp_path)) as host:
        running = await begin(host, tmp_path, 'sleep 0.5; : >"$0"/finished')
        await asyncio.to_thread(sshd_fleet[0].kill_connections)
        await drops(running)
    await until((tmp_path / "finished").exists)


async def test_sshd_restarted_for_an_upgrade(tmp_path: Path, sshd_fleet: SshdFleet) -> None:
    """Commands and new sessions go on over the old connection while sshd itself is away."""
    async with host_at(like(sshd_fleet[0], tmp_path)) as host:
        running = await begin(host, tmp_path, "sleep 0.5")
        await asyncio.to_thread(sshd_fleet[0].stop_sshd)
        assert (await host.run(["echo", "hi"])).stdout == b"hi\n"
        await asyncio.to_thread(sshd_fleet[0].start_sshd)
        await running


async def test_link_lost_between_commands(tmp_path: Path, sshd_fleet: SshdFleet) -> None:
    """A link that died while nothing ran is made again, and nobody hears of it."""
    async with host_at(like(sshd_fleet[0], tmp_path)) as host:
        await host.run(["true"])
        await asyncio.to_thread(sshd_fleet[0].restart_sshd)
        await asyncio.sleep(0.1)
        assert (await host.run(["echo", "again"])).stdout == b"again\n"


async def test_closed_by_us(tmp_path: Path, sshd_fleet: SshdFleet) -> None:
    """Closing the host in mid-command ends the wait for it, as an unknown outcome."""
    async with host_at(like(sshd_fleet[0], tmp_path)) as host:
        running = await begin(host, tmp_path, "sleep 60")
        await host.close()
        await drops(running)


class NoCommands(asyncssh.SSHServer):
    """Lets everybody's session begin and refuses what it shall run."""

    def session_requested(self) -> asyncssh.SSHServerSession[bytes]:
        """A session whose requests are all refused."""
        return asyncssh.SSHServerSession()


async def test_sshd_that_runs_no_commands(tmp_path: Path) -> None:
    """A login that is good for no command is permanent, and said to be that."""
    key, host_key, known = make_key(tmp_path / "id"), make_key(tmp_path / "hk"), tmp_path / "known"
    allowed = asyncssh.import_authorized_keys(f"{public(key)}\n")
    async with asyncssh.listen(
        "127.0.0.1", 0, server_factory=NoCommands, server_host_keys=[str(host_key)], authorized_client_keys=allowed
    ) as server:
        port = server.get_port()
        known.write_text(f"[127.0.0.1]:{port} {public(host_key)}\n")
        where = machine(tmp_path, HostName="127.0.0.1", Port=port, IdentityFile=key, UserKnownHostsFile=known)
        async with host_at(where) as host:
            with pytest.raises(LoginRefused, match=r"lets \w+ in but runs no command"):
                await host.run(["true"])
