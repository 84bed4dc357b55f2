"""What each SSH fault means and what to do next: what asyncssh raises becomes ours here. Nothing is connected here."""

from __future__ import annotations

import errno
import os
import re
import socket
from collections.abc import Callable, Sequence

import asyncssh

from miyabi.errors import (
    ConnectionDropped,
    LoginRefused,
    MachineError,
    MachineUnreachable,
    SshConfigUnusable,
)
from miyabi.machines.ssh.target import SshTarget

_NO_WAY = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN})

_PROHIBITED = 1  # SSH_OPEN_ADMINISTRATIVELY_PROHIBITED


class ClosedAtOnce(MachineUnreachable):
    """The connection is closed before the login: too many logins at once, or a penalty for earlier failures."""

    target: SshTarget | None = None


def unusable_config(target: SshTarget, reason: str) -> SshConfigUnusable:
    """Makes the error for a configuration that the SSH library cannot use."""
    return SshConfigUnusable(_text(target, f"its SSH configuration cannot be used: {reason}."), machine=target.machine)


def too_slow(machine: str, *, seconds: float) -> MachineUnreachable:
    """Makes the error for a command whose time was over before there was a connection."""
    return MachineUnreachable(f"{machine}: no connection within {seconds:g} s; nothing was run.", machine=machine)


def refused(target: SshTarget) -> MachineUnreachable:
    """Makes the error for a port that nothing listens on."""
    return _unreachable(
        target,
        f"connection refused: nothing listens on port {target.port}. "
        "Is sshd running (macOS: System Settings > General > Sharing > Remote Login)?",
    )


def no_route(target: SshTarget, reason: str) -> MachineUnreachable:
    """Makes the error for an address to which the network has no way, or at which nobody answers."""
    return _unreachable(
        target,
        f"{reason}. Is it switched on, awake and in this network? "
        "(If this is a Mac: System Settings > Privacy & Security > Local Network must allow the terminal.)",
    )


def timed_out(target: SshTarget) -> MachineUnreachable:
    """Makes the error for packets that vanish."""
    return _unreachable(
        target,
        f"no answer within {target.connect_timeout_seconds:g} s. Is it switched on and awake, "
        "and does no firewall drop the packets?",
    )


def silent(target: SshTarget) -> MachineUnreachable:
    """Makes the error for a port that is open, and on which nobody speaks SSH."""
    return _unreachable(
        target,
        f"it accepts connections and then says nothing for {target.connect_timeout_seconds:g} s: "
        "sshd hangs, the machine is overloaded, or the port belongs to something else.",
    )


def unknown_name(target: SshTarget, *, passing: bool) -> MachineUnreachable:
    """Makes the error for a host name without an address.

    `passing`: the name service itself does not answer, so it may later; otherwise the error is not transient.
    """
    if passing:
        return _unreachable(target, f"the name service does not answer for {target.host!r}. Is this machine online?")
    error = _unreachable(target, f"the name {target.host!r} has no address. Correct `host` or the alias's HostName.")
    error.transient = False
    return error


def of_the_network(target: SshTarget, error: OSError | UnicodeError) -> MachineUnreachable:
    """Translates what a failed connect raised, the error numbers of all addresses of the host counted."""
    if isinstance(error, UnicodeError):
        return unknown_name(target, passing=False)
    if isinstance(error, socket.gaierror):
        return unknown_name(target, passing=error.errno == socket.EAI_AGAIN)
    if isinstance(error, TimeoutError):
        return timed_out(target)
    codes = {error.errno or 0, *map(int, re.findall(r"\[Errno (\d+)\]", str(error)))}  # one for each address it has
    if errno.ECONNREFUSED in codes:
        return refused(target)
    if isinstance(error, ConnectionError):  # asyncio raises some without a code
        return closed(target)
    reason = next((os.strerror(code) for code in sorted(codes - {0})), str(error))
    return no_route(target, reason) if codes & _NO_WAY else _unreachable(target, f"{reason}.")


def closed(target: SshTarget, *, banner: str | None = None) -> MachineUnreachable:
    """Makes the error for a connection that is closed before the login.

    `banner` is what the port says to a bare connection; None where nobody asked.
    """
    if banner and not banner.startswith("SSH-") and not _is_sshd_refusing(banner):
        return not_ssh(target, f"it says {banner[:80]!r}")
    error = ClosedAtOnce(_text(target, _why_closed(target, banner)), machine=target.machine)
    error.target = target
    return error


def _is_sshd_refusing(banner: str) -> bool:
    return any(word in banner.lower() for word in ("not allowed at this time", "exceeded maxstartups"))


def _why_closed(target: SshTarget, banner: str | None) -> str:
    if banner is None:
        proxy = f" Does its ProxyCommand work: {target.proxy_command}?" if target.proxy_command else ""
        return f"the connection is closed before the login.{proxy}"
    if "not allowed" in banner.lower():
        return (
            "sshd refuses this address for a while because of earlier failed logins (PerSourcePenalties). "
            "Correct their cause and wait a minute, or exempt this address there with PerSourcePenaltyExemptList."
        )
    if "exceeded" in banner.lower():
        return "sshd takes no more logins at once. Raise MaxStartups in its sshd_config."
    if banner:
        return f"sshd ({banner}) closes the connection before the login. Its log says why."
    return f"port {target.port} closes every connection at once. Is that sshd, and does it let this address in?"


def no_common_algorithm(target: SshTarget, reason: str) -> MachineUnreachable:
    """Makes the lasting error for two sides that speak SSH, and share no algorithm."""
    return _lasting(target, f"no algorithm in common ({reason}). Update sshd there, or allow a modern one.")


def not_ssh(target: SshTarget, reason: str) -> MachineUnreachable:
    """Makes the lasting error for a port that does not speak SSH 2."""
    return _lasting(target, f"port {target.port} does not speak SSH 2 ({reason}). Is the port right?")


def hop_failed(target: SshTarget, reason: str) -> MachineUnreachable:
    """Makes the error for a jump host that cannot reach the next hop."""
    return _unreachable(target, f"its jump host {_jump(target)} cannot connect to it: {reason}.")


def forwarding_prohibited(target: SshTarget, reason: str) -> MachineUnreachable:
    """Makes the lasting error for a jump host that does not forward."""
    return _lasting(
        target,
        f"its jump host {_jump(target)} does not forward connections ({reason}). "
        "Set AllowTcpForwarding yes in the jump host's sshd_config.",
    )


def login_refused(target: SshTarget, *, offered: Sequence[str], unusable: Sequence[str]) -> LoginRefused:
    """Makes the error for a login of which no key is taken.

    sshd tells nobody why: wrong key, unknown user, expired key are all alike.
    """
    with_what = f"with {', '.join(offered)}" if offered else "without a usable key"
    notes = f" Unusable: {'; '.join(unusable)}." if unusable else ""
    return LoginRefused(
        _text(
            target,
            f"login refused for user {target.user} {with_what}.{notes} Is the public key in that user's "
            "~/.ssh/authorized_keys there, and is the user allowed to log in? sshd's log has the reason.",
        ),
        machine=target.machine,
    )


def too_many_keys(target: SshTarget, *, offered: Sequence[str]) -> LoginRefused:
    """Makes the error for a login that offered more keys than sshd lets it try (`MaxAuthTries` of sshd_config(5))."""
    return LoginRefused(
        _text(
            target,
            f"sshd gave up after too many keys ({len(offered)} were at hand). "
            "Name the right one: IdentityFile together with IdentitiesOnly yes.",
        ),
        machine=target.machine,
    )


def dropped(target: SshTarget, reason: str) -> ConnectionDropped:
    """Makes the error for a link that went while a command ran."""
    text = f"the connection was lost while a command ran ({reason or 'closed'}); whether it finished is unknown."
    return ConnectionDropped(_text(target, text), machine=target.machine)


def unanswered(target: SshTarget, line: str, *, seconds: float) -> MachineError:
    """Makes the error for a command that took longer than it may."""
    text = f"no answer within {seconds:g} s to: {line[:200]}. It was told to end. Is the machine overloaded?"
    return MachineError(_text(target, text), machine=target.machine)


def no_session(target: SshTarget, reason: str) -> MachineUnreachable:
    """Makes the error for a login that works, on which sshd opens no session."""
    return _unreachable(
        target,
        f"sshd opens no more sessions on the connection ({reason}). Raise MaxSessions in its sshd_config.",
    )


def no_command(target: SshTarget, reason: str) -> LoginRefused:
    """Makes the error for a login that works, for which sshd runs no command."""
    return LoginRefused(
        _text(target, f"sshd lets {target.user} in but runs no command ({reason})."), machine=target.machine
    )


def _jump(target: SshTarget) -> str:
    jump = target.jump
    return f"{jump.alias} ({jump.user}@{jump.host}:{jump.port})" if jump else "(none)"


def _text(target: SshTarget, text: str) -> str:
    return f"{target}: {text} Try: {target.try_command}"


def _unreachable(target: SshTarget, text: str) -> MachineUnreachable:
    return MachineUnreachable(_text(target, text), machine=target.machine)


def _lasting(target: SshTarget, text: str) -> MachineUnreachable:
    error = _unreachable(target, text)
    error.transient = False
    return error


def of_asyncssh(  # noqa: C901, PLR0911 - a table, one row a kind of fault
    error: Exception,
    target: SshTarget,
    *,
    of_host_key: Callable[[str], MachineError],
    is_open: bool,
    offered: Sequence[str],
    unusable: Sequence[str],
) -> MachineError:
    """Translates what was raised while we connected to an error of ours.

    Args:
        error: what asyncssh, or the network below it, raised.
        target: where to.
        of_host_key: makes the error for a host key that was refused, from asyncssh's own words.
        is_open: whether the port was reached.
        offered: the keys that were offered, by their names.
        unusable: the keys that could not be, each with why.
    """
    text = str(error)
    match error:
        case asyncssh.HostKeyNotVerifiable():
            return of_host_key(text)
        case asyncssh.PermissionDenied():
            return login_refused(target, offered=offered, unusable=unusable)
        case asyncssh.KeyExchangeFailed():
            return no_common_algorithm(target, text)
        case asyncssh.ProtocolNotSupported():
            return not_ssh(target, text)
        case asyncssh.DisconnectError() if "too many authentication" in text.lower():
            return too_many_keys(target, offered=offered)
        case asyncssh.ChannelOpenError() if error.code == _PROHIBITED:
            return forwarding_prohibited(target, text)
        case asyncssh.ChannelOpenError():
            return hop_failed(target, text)
        case TimeoutError() | asyncssh.ConnectionLost() if is_open and _timed_out(error):
            return silent(target)
        case asyncssh.Error():
            return closed(target)
        case OSError() | UnicodeError():  # a name that cannot be one is not even looked up
            return of_the_network(target, error)
    return unusable_config(target, text)


def _timed_out(error: Exception) -> bool:
    return isinstance(error, TimeoutError) or "login timeout" in str(error).lower()
