"""The user's own ssh configuration is honoured, as OpenSSH itself reads it; what it cannot use is said plainly."""

from __future__ import annotations

import asyncio
import os
import pwd
from pathlib import Path

import pytest

from miyabi.errors import SshConfigUnusable
from miyabi.machines import Machine
from miyabi.machines.machine import SshConfig
from miyabi.machines.ssh.resolve import resolve
from miyabi.machines.ssh.target import HostKeyPolicy
from tests.support.machines import sshd as fleets
from tests.support.machines.ssh_targets import failure, like, machine, works
from tests.support.machines.sshd import SshdFleet
from tests.support.machines.supervisor import eventually, gone

sshd_fleet = fleets.sshd_fleet


async def test_every_option_that_we_honour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each option of an alias arrives in the target, with blanks, tokens, comments and units as ssh takes them."""
    monkeypatch.setenv("KEYS", str(tmp_path))
    target = await resolve(
        machine(
            tmp_path,
            HostName="10.1.2.3",
            Port=2222,
            User="builder",
            AddressFamily="inet",
            IdentityFile='"~/.ssh/key for %h"',
            CertificateFile="${KEYS}/cert.pub",
            IdentitiesOnly="yes",
            IdentityAgent="~/agent.sock",
            UserKnownHostsFile=f'"{tmp_path}/known hosts" /etc/other',
            HostKeyAlias="mac7",
            StrictHostKeyChecking="accept-new  # for now",
            ConnectTimeout="1m",
            ServerAliveInterval=7,
            ServerAliveCountMax=4,
            Ciphers="aes256-ctr",
            ProxyCommand="nc %h %p",
        )
    )
    assert (target.host, target.port, target.user) == ("10.1.2.3", 2222, "builder")
    assert target.identity_files == (Path.home() / ".ssh" / "key for 10.1.2.3",)
    assert target.certificate_files == (tmp_path / "cert.pub",)
    assert target.identities_only
    assert target.agent == f"{pwd.getpwuid(os.getuid()).pw_dir}/agent.sock"  # as ssh itself expands it
    assert target.known_hosts_files[:2] == (tmp_path / "known hosts", Path("/etc/other"))
    assert target.remember_in == tmp_path / "known hosts"
    assert target.host_key_name == "mac7"
    assert target.host_keys is HostKeyPolicy.ACCEPT_NEW
    assert (target.connect_timeout_seconds, target.keepalive_seconds, target.keepalive_misses) == (60, 7, 4)
    assert target.ciphers == ("aes256-ctr",)
    assert target.proxy_command == "nc 10.1.2.3 2222"


async def test_a_keepalive_that_would_notice_too_late(tmp_path: Path) -> None:
    """However seldom ssh would ask, as Debian's with BatchMode, a dead link is noticed within a minute."""
    target = await resolve(machine(tmp_path, BatchMode="yes", ServerAliveInterval=300, ServerAliveCountMax=9))
    assert (target.keepalive_seconds, target.keepalive_misses) == (10, 4)


async def test_what_nobody_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without options there is strict checking, 10 s to connect, and a dead link is noticed after 15 s."""
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/agent")
    target = await resolve(machine(tmp_path))
    assert (target.host, target.port, target.host_key_name) == ("m", 22, "m")
    assert target.host_keys is HostKeyPolicy.STRICT
    assert (target.connect_timeout_seconds, target.keepalive_seconds, target.keepalive_misses) == (10, 5, 2)
    assert target.agent == "/run/agent"
    assert not target.identities_only
    assert Path.home() / ".ssh" / "id_ed25519" in target.identity_files
    assert target.remember_in == Path.home() / ".ssh" / "known_hosts"
    assert target.jump is None
    assert target.proxy_command is None


@pytest.mark.parametrize("value", ["none", "SSH_AUTH_SOCK", "$MY_AGENT"])
async def test_identity_agent_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """IdentityAgent may be no agent, the usual one or one in a variable."""
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/usual")
    monkeypatch.setenv("MY_AGENT", "/run/mine")
    expected = {"none": None, "SSH_AUTH_SOCK": "/run/usual", "$MY_AGENT": "/run/mine"}
    assert (await resolve(machine(tmp_path, IdentityAgent=value))).agent == expected[value]


async def test_the_machines_own_fields_win(tmp_path: Path, sshd_fleet: SshdFleet) -> None:
    """User, port, key and known hosts of our configuration win over the alias's."""
    host = sshd_fleet[0]
    config = like(host, tmp_path, User="x", Port=1, IdentityFile="/x", UserKnownHostsFile="/x").ssh.config_file
    own = SshConfig(
        user=host.user,
        port=host.port,
        identity_file=str(host.identity),
        known_hosts_file=str(sshd_fleet.known_hosts),
        config_file=config,
    )
    assert await works(Machine(name="m", host="m", ssh=own))


async def test_the_home_is_the_one_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`~` is $HOME here too, where ssh itself takes the account's home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text("Host m\n  HostName 10.9.9.9\n  IdentityFile ~/.ssh/mine\n")
    target = await resolve(Machine(name="m", host="m"))
    assert target.host == "10.9.9.9"
    assert target.identity_files == (tmp_path / ".ssh" / "mine",)
    assert target.remember_in == tmp_path / ".ssh" / "known_hosts"


async def test_match_include_and_wildcards(tmp_path: Path, sshd_fleet: SshdFleet) -> None:
    """What only ssh itself reads right is left to it: Include, Match exec, patterns."""
    matched = 'Match originalhost m exec "test a = a"\n  HostName 127.0.0.1\n'
    (tmp_path / "extra").write_text(f"{matched}Host ?\n  Port 1\n")
    where = like(sshd_fleet[0], tmp_path, HostName=None, more=f"Match all\nInclude {tmp_path}/extra\n")
    assert await works(where)


async def test_nothing_is_left_of_a_match_that_hangs(tmp_path: Path) -> None:
    """Whoever gives up on ssh's answer ends what its configuration has started too."""
    pid = tmp_path / "pid"
    (tmp_path / "config").write_text(f'Match exec "echo $$ >{pid}; exec sleep 600"\n')
    asking = asyncio.create_task(resolve(Machine(name="m", host="m", ssh=SshConfig(config_file=f"{tmp_path}/config"))))
    await asyncio.to_thread(eventually, lambda: pid.exists() and pid.read_text().endswith("\n"))
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert gone(int(pid.read_text()))


async def test_a_mistyped_option(tmp_path: Path) -> None:
    """Ssh's own complaint is handed on, with file and line, and nothing is connected."""
    error = await failure(machine(tmp_path, Port=1, Mistyped="yes"))
    assert isinstance(error, SshConfigUnusable)
    assert f"{tmp_path}/ssh_config: line 3: Bad configuration option: mistyped" in str(error)


async def test_a_missing_file(tmp_path: Path) -> None:
    """A configuration file that is not there is named."""
    error = await failure(Machine(name="m", host="m", ssh=SshConfig(config_file=str(tmp_path / "none"))))
    assert isinstance(error, SshConfigUnusable)
    assert f"{tmp_path}/none: No such file" in str(error)


@pytest.mark.parametrize("host", ["-oProxyCommand=touch /tmp/x", "two words", "a;b"])
async def test_an_address_that_is_none(tmp_path: Path, host: str) -> None:
    """A host that would be an option or a command line is refused, not run."""
    (tmp_path / "empty").write_text("")
    error = await failure(Machine(name="m", host=host, ssh=SshConfig(config_file=str(tmp_path / "empty"))))
    assert isinstance(error, SshConfigUnusable)


async def test_no_ssh_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without OpenSSH's client the message says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    error = await failure(machine(tmp_path))
    assert isinstance(error, SshConfigUnusable)
    assert "Install the OpenSSH client" in str(error)
