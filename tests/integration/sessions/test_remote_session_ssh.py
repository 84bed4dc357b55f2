"""Detached sessions over real sshd machines: links that go, machines that go, orchestrators that go."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from miyabi.errors import MachineDiskFull, MachineNotReady, MachineUnreachable
from miyabi.machines import Host, Machine, open_host
from miyabi.sessions import RemoteSession, State, Status, live_sessions
from tests.support.machines import sshd as fleets
from tests.support.machines.sshd import FleetHost, SshdFleet, can_make_namespaces, start_fleet
from tests.support.machines.supervisor import eventually

sshd_fleet = fleets.sshd_fleet

WORKSPACE = "~/miyabi sessions"
CHATTER = b'k=0; while [ $k -lt 150 ]; do k=$((k+1)); echo "$k out"; echo "$k err" >&2; sleep 0.02; done; exit 7'
OUT = b"".join(b"%d out\n" % k for k in range(1, 151))
ERR = b"".join(b"%d err\n" % k for k in range(1, 151))
ORCHESTRATOR = """
import asyncio, sys
from pathlib import Path
from miyabi.machines import open_host
from miyabi.machines import Machine
from miyabi.sessions import RemoteSession

async def main():
    machine = Machine.model_validate_json(sys.argv[1])
    one = RemoteSession(open_host(machine), "s", workspace=machine.workspace)
    limits = {"slots": 1, "timeout_seconds": 60, "after_timeout_seconds": 60, "linger_seconds": 15}
    await one.start(script=sys.argv[2].encode(), stdin=b"", after=b"", **limits)
    print("started", flush=True)
    await one.follow(Path(sys.argv[3]), Path(sys.argv[4]))

asyncio.run(main())
"""


@pytest.fixture
def there(sshd_fleet: SshdFleet) -> Iterator[FleetHost]:
    """A machine that is up, whose sessions are gone afterwards."""
    place = sshd_fleet[0]
    yield place
    place.link_up()
    place.restart_sshd()
    asyncio.run(stop_all(place.machine(workspace=WORKSPACE)))


async def stop_all(machine: Machine) -> None:
    """No session of the machine lives, none is remembered."""
    ssh_host = open_host(machine)
    for name, _ in await live_sessions(ssh_host, workspace=machine.workspace):
        await RemoteSession(ssh_host, name, workspace=machine.workspace).stop(grace_seconds=1)
    await ssh_host.run(["rm", "-rf", machine.workspace])
    await ssh_host.close()


@pytest.fixture
async def ssh_host(there: FleetHost) -> AsyncIterator[Host]:
    """The machine over SSH."""
    ssh_host = open_host(there.machine(workspace=WORKSPACE))
    yield ssh_host
    await ssh_host.close()


async def start(
    ssh_host: Host, script: bytes, *, name: str = "s", workspace: str = WORKSPACE
) -> tuple[RemoteSession, Status]:
    """A session with limits that do not matter."""
    one = RemoteSession(ssh_host, name, workspace=workspace)
    status = await one.start(
        script=script, stdin=b"", after=b"", slots=4, timeout_seconds=60, after_timeout_seconds=60, linger_seconds=15
    )
    return one, status


async def test_a_silent_link_costs_no_byte(ssh_host: Host, there: FleetHost, tmp_path: Path) -> None:
    """Nothing arrives for seconds and nobody tells us: the output is exact and the agent ran once."""
    one, _ = await start(ssh_host, b"echo run >>runs; " + CHATTER)
    following = asyncio.create_task(one.follow(tmp_path / "out", tmp_path / "err", silence_seconds=4))
    await asyncio.sleep(0.7)
    await asyncio.to_thread(there.link_down)
    await asyncio.sleep(6)
    await asyncio.to_thread(there.link_up)
    assert (await following).exit_status == 7
    assert (tmp_path / "out").read_bytes() == OUT
    assert (tmp_path / "err").read_bytes() == b"\n" + ERR
    assert (there.home / "runs").read_text() == "run\n"
    (there.home / "runs").unlink()


async def test_dying_connections_cost_no_byte(ssh_host: Host, there: FleetHost, tmp_path: Path) -> None:
    """Connections are killed and sshd restarted again and again: every byte once."""
    one, _ = await start(ssh_host, CHATTER)
    following = asyncio.create_task(one.follow(tmp_path / "out", tmp_path / "err"))
    for trouble in (there.kill_connections, there.restart_sshd) * 2:
        await asyncio.sleep(0.5)
        await asyncio.to_thread(trouble)
    assert (await following).exit_status == 7
    assert (tmp_path / "out").read_bytes() == OUT
    assert (tmp_path / "err").read_bytes() == b"\n" + ERR


async def test_a_three_megabyte_line_of_any_bytes_arrives(ssh_host: Host, tmp_path: Path) -> None:
    """One line longer than every window, with bytes that are no text: exact, and the connection lives."""
    script = b"perl -e 'print chr($_ % 256 == 10 ? 11 : $_ % 256) for 1 .. 3000000'; printf '\\377\\376'"
    one, _ = await start(ssh_host, script)
    await one.follow(tmp_path / "out", tmp_path / "err")
    expected = bytes(11 if k % 256 == 10 else k % 256 for k in range(1, 3_000_001)) + b"\xff\xfe"
    assert (tmp_path / "out").read_bytes() == expected
    assert (await one.status()).exit_status == 0


async def test_starts_cut_at_any_moment_start_once(ssh_host: Host, there: FleetHost) -> None:
    """The connection dies at some moment of the start: asking again attaches or starts, never twice."""
    chance = random.Random(3)  # noqa: S311 - repeatable trouble, no secret
    for k in range(6):
        starting = asyncio.create_task(start(ssh_host, b"echo run >>runs", name=f"s{k}"))
        await asyncio.sleep(chance.uniform(0, 0.1))
        await asyncio.to_thread(there.kill_connections)
        await starting
    runs = there.home / "runs"
    await asyncio.to_thread(eventually, lambda: runs.exists() and runs.read_text() == "run\n" * 6)
    assert len(await live_sessions(ssh_host, workspace=WORKSPACE)) <= 6
    runs.unlink()


async def test_set_ups_ahead_cut_at_any_moment_begin_once(ssh_host: Host, there: FleetHost) -> None:
    """So do those that begin before their session: whoever asks again meets the one that runs."""
    chance = random.Random(4)  # noqa: S311 - repeatable trouble, no secret
    for k in range(6):
        ahead = RemoteSession(ssh_host, f"r.t{k}.0", workspace=WORKSPACE)
        asking = asyncio.create_task(ahead.set_up_ahead(b"echo run >>set-ups", timeout_seconds=60))
        await asyncio.sleep(chance.uniform(0, 0.1))
        await asyncio.to_thread(there.kill_connections)
        assert (await asking).state in {State.RUNNING, State.EXITED}
    begun = there.home / "set-ups"
    await asyncio.to_thread(eventually, lambda: begun.exists() and begun.read_text() == "run\n" * 6)
    assert await live_sessions(ssh_host, workspace=WORKSPACE) == ()
    begun.unlink()


async def test_patience_runs_out_and_the_session_goes_on(ssh_host: Host, there: FleetHost, tmp_path: Path) -> None:
    """A machine that does not come back in time is unreachable; its session is found again later."""
    one, _ = await start(ssh_host, CHATTER)
    following = asyncio.create_task(one.follow(tmp_path / "out", tmp_path / "err", patience_seconds=1))
    await asyncio.sleep(0.5)
    await asyncio.to_thread(there.stop_sshd)
    await asyncio.to_thread(there.kill_connections)
    with pytest.raises(MachineUnreachable, match=r"nothing heard of session s for .* s .*run again to go on with it"):
        await following
    await asyncio.to_thread(there.start_sshd)
    assert (await one.follow(tmp_path / "out", tmp_path / "err")).exit_status == 7
    assert (tmp_path / "out").read_bytes() == OUT


async def test_an_orchestrator_that_is_killed_is_not_missed(there: FleetHost, ssh_host: Host, tmp_path: Path) -> None:
    """SIGKILL to us: the session ends by itself, holds no slot afterwards, and we go on where our files end."""
    out, err = tmp_path / "out", tmp_path / "err"
    words = [sys.executable, "-c", ORCHESTRATOR, there.machine(workspace=WORKSPACE).model_dump_json()]
    us = await asyncio.create_subprocess_exec(*words, CHATTER.decode(), str(out), str(err), stdout=subprocess.PIPE)
    assert us.stdout
    assert await us.stdout.readline() == b"started\n"
    await asyncio.to_thread(eventually, lambda: out.exists() and out.stat().st_size > 100)
    us.kill()
    await us.wait()
    have = out.stat().st_size
    assert have < len(OUT)
    one = RemoteSession(ssh_host, "s", workspace=WORKSPACE)
    assert (await one.status()).state is State.RUNNING
    heard: list[bytes] = []
    assert (await one.follow(out, err, on_output=heard.append)).exit_status == 7
    assert b"".join(heard) == out.read_bytes() == OUT
    assert await live_sessions(ssh_host, workspace=WORKSPACE) == ()


async def test_a_talkative_start_up_file_is_reported(ssh_host: Host, there: FleetHost, tmp_path: Path) -> None:
    """Text that the login shell prints into our stream is named, with the way out, and nothing is taken for output."""
    one, _ = await start(ssh_host, b"sleep 600")
    chatter = there.home / ".bashrc"
    chatter.write_text("echo Welcome to your Mac\n")
    try:
        with pytest.raises(MachineNotReady, match=r"h1: .* other text \(not a status line: 'Welcome to your Mac'\)"):
            await one.status()
        with pytest.raises(
            MachineNotReady, match=r"A start-up file there \(~/.bashrc, ~/.zshenv, .* interactive shells"
        ):
            await one.follow(tmp_path / "out", tmp_path / "err")
    finally:
        chatter.unlink()
    assert (tmp_path / "out").read_bytes() == b""


@pytest.mark.skipif(not can_make_namespaces(), reason="machines with a power switch take root and network namespaces")
async def test_a_reboot_loses_the_session_and_frees_its_slot(tmp_path: Path) -> None:
    """Power gone in mid-session: the status says lost, the output is complete, the slot is free."""
    with start_fleet(hosts=1, mode="netns") as fleet, fleet.network():
        ssh_host = open_host(fleet[0].machine())
        one, _ = await start(ssh_host, b"echo hello; sleep 600", workspace="~/.miyabi")
        following = asyncio.create_task(one.follow(tmp_path / "out", tmp_path / "err", silence_seconds=4))
        await asyncio.sleep(0.5)
        await asyncio.to_thread(fleet[0].reboot)
        assert (await following).state is State.LOST
        assert (tmp_path / "out").read_bytes() == b"hello\n"
        assert await live_sessions(ssh_host, workspace="~/.miyabi") == ()
        await ssh_host.close()


@pytest.mark.skipif(not can_make_namespaces(), reason="machines with a small disk take root and network namespaces")
async def test_a_full_disk_is_reported_with_a_next_step(tmp_path: Path) -> None:
    """No room for our script, and none for a session: both say which disk of which machine."""
    with start_fleet(hosts=1, mode="netns") as fleet, fleet.network():
        there = fleet[0]
        there.small_disk("small", size="1m")
        ssh_host = open_host(there.machine())
        filled = await ssh_host.run(["sh", "-c", "dd if=/dev/zero of=small/filler bs=4096 2>/dev/null; true"])
        assert filled.exit_status == 0
        with pytest.raises(MachineDiskFull, match=r"h1: the disk of ~/small is full. Free some space there"):
            await start(ssh_host, b"true", workspace="~/small")
        await ssh_host.run(["rm", "small/filler"])
        await start(ssh_host, b"true", workspace="~/small")
        await ssh_host.run(["sh", "-c", "dd if=/dev/zero of=small/filler bs=4096 2>/dev/null; true"])
        with pytest.raises(
            MachineDiskFull, match=r"h1: cannot .* No space left on device. The disk of ~/small is full"
        ):
            await start(ssh_host, b"true", name="t", workspace="~/small")
        await ssh_host.close()
