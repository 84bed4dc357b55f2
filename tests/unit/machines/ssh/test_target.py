"""The pure parts of reading `ssh -G`, and faults that no test machine can make."""

from __future__ import annotations

import errno
import socket

import pytest

from miyabi.machines.machine import SshConfig
from miyabi.machines.ssh import errors
from miyabi.machines.ssh.target import SshTarget, parse_answer, parse_jump, target_from, terminal_flags


@pytest.fixture
def target() -> SshTarget:
    """A target with nothing special."""
    options = parse_answer("hostname mac.lan\nuser me\nport 22\n")
    return target_from(options, machine="m", alias="mac", chosen=SshConfig(), is_jump=False)


@pytest.mark.parametrize(
    ("text", "host", "user", "port"),
    [
        ("hop", "hop", None, None),
        ("me@hop", "hop", "me", None),
        ("me@hop:2222", "hop", "me", 2222),
        ("ssh://me@hop:2222", "hop", "me", 2222),
        ("[fe80::1]:2222", "fe80::1", None, 2222),
        ("me@[fe80::1]", "fe80::1", "me", None),
        ("fe80::1", "fe80::1", None, None),
        ("me@corp@hop", "hop", "me@corp", None),
    ],
)
def test_jumps(text: str, host: str, user: str | None, port: int | None) -> None:
    """Every way to write a hop."""
    assert parse_jump(text) == (host, SshConfig(user=user, port=port))


def test_repeated_keywords() -> None:
    """Several identity files stay in order; keywords are found in any case."""
    found = parse_answer("identityfile /a\nIdentityFile /b c\n")
    assert found == {"identityfile": ["/a", "/b c"]}


def test_unknown_name(target: SshTarget) -> None:
    """A name that has no address is permanent and says what to correct; one that cannot be asked for is not."""
    error = errors.of_the_network(target, socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
    assert not error.transient
    assert "the name 'mac.lan' has no address. Correct `host` or the alias's HostName. Try: ssh mac true" in str(error)
    assert errors.of_the_network(target, socket.gaierror(socket.EAI_AGAIN, "later")).transient


def test_several_addresses(target: SshTarget) -> None:
    """Asyncio's list of one error an address is read for what matters."""
    text = "Multiple exceptions: [Errno 113] Connect call failed ('::1', 22), [Errno 111] Connect call failed"
    text = text.replace("113", str(errno.EHOSTUNREACH)).replace("111", str(errno.ECONNREFUSED))
    assert "connection refused" in str(errors.of_the_network(target, OSError(text)))


@pytest.mark.parametrize("error", [BrokenPipeError(), ConnectionResetError("Connection lost")])
def test_closed_without_a_code(target: SshTarget, error: OSError) -> None:
    """Asyncio raises some connection errors without an errno; they are told as what they are."""
    assert isinstance(errors.of_the_network(target, error), errors.ClosedAtOnce)


def test_flags_for_a_terminal() -> None:
    """The `ssh` of a terminal is told what the machine's fields say, checks host keys, and runs no other command."""
    always = ("-o", "RemoteCommand=none", "-o", "StrictHostKeyChecking=yes")
    assert terminal_flags(SshConfig(port=22)) == ["-p", "22", *always]
    own = SshConfig(identity_file="/my keys/id", known_hosts_file="/known")
    assert terminal_flags(own) == [
        *always,
        *("-o", 'IdentityFile="/my keys/id"', "-o", "IdentitiesOnly=yes"),
        *("-o", 'UserKnownHostsFile="/known"', "-o", "GlobalKnownHostsFile=none"),
    ]
