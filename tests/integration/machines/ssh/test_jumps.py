"""Machines behind others: jump hosts and proxy commands, and which hop a fault names."""

from __future__ import annotations

from pathlib import Path

import pytest

from miyabi.errors import HostKeyRefused, LoginRefused, MachineUnreachable, SshConfigUnusable
from tests.support.machines import ssh_targets
from tests.support.machines import sshd as fleets
from tests.support.machines.ssh_targets import failure, hop, host_at, like, until, works
from tests.support.machines.sshd import SshdFleet, alive, start_fleet
from tests.support.machines.tcp_faults import closed_port

sshd_fleet = fleets.sshd_fleet
proxies_end = ssh_targets.proxies_end


async def test_through_a_jump_host(tmp_path: Path, sshd_fleet: SshdFleet) -> None:
    """ProxyJump leads through another machine, with its own user, port and key."""
    where = like(sshd_fleet[0], tmp_path, ProxyJump="h2", more=hop(sshd_fleet, 1))
    before = sshd_fleet[1].connections()
    assert await works(where)
    assert sshd_fleet[1].connections() == before + 1


async def test_through_two_jump_hosts(tmp_path: Path) -> None:
    """A jump host may itself be behind one, and a list of them is gone through in order."""
    with start_fleet(hosts=3) as fleet:
        nested = hop(fleet, 1, ProxyJump="h3") + hop(fleet, 2)
        assert await works(like(fleet[0], tmp_path, ProxyJump="h2", more=nested))
        listed = hop(fleet, 1) + hop(fleet, 2)
        spelled = f"h3,{fleet[1].user}@h2:{fleet[1].port}"
        assert await works(like(fleet[0], tmp_path, ProxyJump=spelled, more=listed))
        assert fleet[2].connections() == 3


async def test_closing_leaves_no_jump_open(tmp_path: Path, sshd_fleet: SshdFleet) -> None:
    """A host that is closed has closed its jump too, and one that is used again jumps again."""
    where = like(sshd_fleet[0], tmp_path, ProxyJump="h2", more=hop(sshd_fleet, 1))
    before = sshd_fleet[1].log.count("Disconnected from user")
    async with host_at(where, retry_seconds=3) as host:
        await host.run(["true"])
        sshd_fleet[0].kill_connections()
        assert (await host.run(["echo", "again"])).stdout == b"again\n"
    await until(lambda: sshd_fleet[1].log.count("Disconnected from user") - before == 2)


async def test_target_refused_behind_the_jump(tmp_path: Path, sshd_fleet: SshdFleet) -> None:
    """A jump host that is fine and a target that is not: both are named, and it may work later."""
    where = like(sshd_fleet[0], tmp_path, Port=closed_port(), ProxyJump="h2", more=hop(sshd_fleet, 1))
    error = await failure(where)
    assert isinstance(error, MachineUnreachable)
    assert error.transient
    assert "its jump host h2 (" in str(error)
    assert "cannot connect to it: Connection refused" in str(error)


async def test_jump_host_down(tmp_path: Path, sshd_fleet: SshdFleet) -> None:
    """A jump host that is down is the one that the message is about."""
    where = like(sshd_fleet[0], tmp_path, ProxyJump="h2", more=hop(sshd_fleet, 1, Port=closed_port()))
    error = await failure(where)
    assert isinstance(error, MachineUnreachable)
    assert str(error).startswith(f"m: jump host h2 ({sshd_fleet[1].user}@127.0.0.1:")
    assert "connection refused" in str(error)


async def test_jump_host_that_does_not_forward(tmp_path: Path, sshd_fleet: SshdFleet) -> None:
    """AllowTcpForwarding no is permanent, with the setting to change."""
    with start_fleet(hosts=1, sshd_options=["AllowTcpForwarding no"]) as closed:
        where = like(sshd_fleet[0], tmp_path, ProxyJump="h1", more=hop(closed, 0))
        error = await failure(where)
    assert isinstance(error, MachineUnreachable)
    assert not error.transient
    assert "does not forward connections" in str(error)
    assert "Set AllowTcpForwarding yes in the jump host's sshd_config" in str(error)


async def test_jump_host_that_refuses_us(tmp_path: Path, sshd_fleet: SshdFleet) -> None:
    """A login or host key refused at the jump host names the jump host."""
    stranger = like(sshd_fleet[0], tmp_path, ProxyJump="h2", more=hop(sshd_fleet, 1, User="nobody-here"))
    error = await failure(stranger)
    assert isinstance(error, LoginRefused)
    assert str(error).startswith("m: jump host h2 (nobody-here@")
    unknown = like(sshd_fleet[0], tmp_path, ProxyJump="h2", more=hop(sshd_fleet, 1, UserKnownHostsFile="/none"))
    error = await failure(unknown)
    assert isinstance(error, HostKeyRefused)
    assert str(error).startswith("m: jump host h2 (")


async def test_unknown_host_key_behind_the_jump(tmp_path: Path, sshd_fleet: SshdFleet) -> None:
    """ssh-keyscan does not reach behind a jump host: the way to add the key is to connect once with ssh."""
    known = tmp_path / "known"
    where = like(sshd_fleet[0], tmp_path, UserKnownHostsFile=known, ProxyJump="h2", more=hop(sshd_fleet, 1))
    error = await failure(where)
    assert isinstance(error, HostKeyRefused)
    assert f"add it by connecting once with: ssh -F {tmp_path}/ssh_config m true" in str(error)


async def test_jumps_in_a_circle(tmp_path: Path, sshd_fleet: SshdFleet) -> None:
    """Jump hosts that lead back are refused with the way shown, nothing connected."""
    where = like(sshd_fleet[0], tmp_path, ProxyJump="a", more="Host a\n  ProxyJump b\nHost b\n  ProxyJump a\n")
    error = await failure(where)
    assert isinstance(error, SshConfigUnusable)
    assert "ProxyJump leads in a circle: m → a → b → a" in str(error)


async def test_through_a_proxy_command(tmp_path: Path, sshd_fleet: SshdFleet, proxies_end: None) -> None:
    """ProxyCommand is run by a shell, its tokens filled in, and ends with the connection."""
    talk = f"echo $$ >{tmp_path}/pid; exec ssh -F {sshd_fleet.config} -W %h:%p h2"
    (tmp_path / "talk").write_text(talk.replace("%h:%p", "$1:$2"))
    assert await works(like(sshd_fleet[0], tmp_path, ProxyCommand=f"sh {tmp_path}/talk %h %p"))
    await until(lambda: not alive(int((tmp_path / "pid").read_text())))


@pytest.mark.parametrize("command", ["false", "no-such-command %h"])
async def test_proxy_command_that_fails(tmp_path: Path, sshd_fleet: SshdFleet, proxies_end: None, command: str) -> None:
    """A proxy command that ends is shown as it was run."""
    error = await failure(like(sshd_fleet[0], tmp_path, ProxyCommand=command))
    assert isinstance(error, MachineUnreachable)
    assert f"Does its ProxyCommand work: {command.replace('%h', '127.0.0.1')}?" in str(error)
