"""Host keys: which the user's known_hosts trust, and whether a host's own is one of them."""

from __future__ import annotations

import logging
import re
import shlex
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import asyncssh

from miyabi.errors import HostKeyRefused
from miyabi.machines.ssh.revoked_keys import RevokedKeys
from miyabi.machines.ssh.target import HostKeyPolicy, SshTarget

_RSA = ("rsa-sha2-512", "rsa-sha2-256")
_PLAIN = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", *_RSA)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownKeys:
    """What the files say about one target. `keys` are its own; `borrowed` those of the same host on port 22."""

    keys: tuple[asyncssh.SSHKey, ...] = ()
    borrowed: tuple[asyncssh.SSHKey, ...] = ()
    authorities: tuple[asyncssh.SSHKey, ...] = ()
    revoked: tuple[asyncssh.SSHKey, ...] = ()

    @property
    def algorithms(self) -> tuple[str, ...]:
        """Host key algorithms to ask for: those that we can check first, then all others to see what it shows.

        ssh orders them so, too: `HostKeyAlgorithms` of ssh_config(5).
        """
        known = [a for key in (*self.keys, *self.borrowed) for a in _PLAIN if a.encode() in key.sig_algorithms]
        certified = [f"{a}-cert-v01@openssh.com" for a in _PLAIN] if self.authorities else []
        return tuple(dict.fromkeys([*certified, *known, *_PLAIN]))

    def without(self, revoked: RevokedKeys) -> KnownKeys:
        """Returns the same, where what the file has is revoked.

        Raises:
            OSError: there is no room for a temporary file.
        """
        every = (*self.keys, *self.borrowed, *self.authorities)
        return replace(self, revoked=(*self.revoked, *revoked.among(every)))


def known_keys(target: SshTarget) -> KnownKeys:
    """Reads the target's known_hosts files; files that are missing or unreadable say nothing."""
    lines = known_hosts("\n".join(_read(path) for path in target.known_hosts_files))
    own = keys_of(target.host_key_name, lines)
    if target.host_key_name == target.host or target.host_key_alias:
        return own
    bare = keys_of(target.host, lines)  # not by asyncssh's own second look, which forgets what the first has revoked
    return KnownKeys(
        keys=own.keys,
        borrowed=() if own.keys else bare.keys,
        authorities=own.authorities or bare.authorities,
        revoked=own.revoked + bare.revoked,
    )


def keys_of(name: str, lines: asyncssh.SSHKnownHosts) -> KnownKeys:
    """Finds the keys that the lines of `known_hosts` give to a host.

    Args:
        name: the host's; with its port, as `[name]:port`, where that is not 22 (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).
        lines: as `known_hosts` reads them.
    """
    plain, hashed = lines.match(_plain(name), "", None), lines.match(name.lower(), "", None)
    keys, authorities, revoked = (*plain[0], *hashed[0]), (*plain[1], *hashed[1]), (*plain[2], *hashed[2])
    return KnownKeys(keys=_once(keys), authorities=_once(authorities), revoked=_once(revoked))


@lru_cache(maxsize=2)  # a fleet's machines mostly share their files
def known_hosts(text: str) -> asyncssh.SSHKnownHosts:
    """Reads the lines of known_hosts files as ssh does: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT.

    Each for itself, since asyncssh takes none of a file with a line that nobody understands, and without its comment,
    in which asyncssh may see the end of the line.
    """
    lines = asyncssh.SSHKnownHosts()
    for line in text.split("\n"):
        words = line.split()
        marker = [words.pop(0)] if line.lstrip().startswith("@") else []
        with suppress(Exception):  # asyncssh lets through what the numbers of a damaged key come to
            names, kind, key = words[:3]
            if not names.startswith("#"):
                lines.load(" ".join([*marker, names if names.startswith("|") else _plain(names), kind, key]))
    return lines


def _plain(names: str) -> str:
    """Names in small letters, each with a sign before it: asyncssh would take some for addresses or nets of them."""
    return re.sub(r"(^|,)!?", r"\g<0>=", names.lower())


def _once(keys: Sequence[asyncssh.SSHKey]) -> tuple[asyncssh.SSHKey, ...]:
    return tuple(dict.fromkeys(keys))


def remember(key: asyncssh.SSHKey, *, name: str, path: Path) -> None:
    """Adds one line to a known_hosts file; makes it, and its folder for the user alone, where there is none.

    Raises:
        OSError: the file cannot be written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    last = _read(path)[-1:]
    line = f"{name} {' '.join(key.export_public_key().decode().split()[:2])}\n"
    with path.open("a") as file:
        file.write(line if last in ("", "\n") else f"\n{line}")


def fingerprint(key: asyncssh.SSHKey) -> str:
    """Writes type and SHA-256 of a key; the hash is as `ssh-keygen -lf` prints it."""
    return f"{key.get_algorithm()} {key.get_fingerprint()}"


def _read(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(errors="replace")
    return ""


logger = logging.getLogger(__name__)


class HostKeyCheck:
    """One handshake's check. `known` is what the files said before it, `shown` the key that they do not have.

    Raises:
        HostKeyRefused: the file of `RevokedHostKeys` cannot be read.
        OSError: there is no room for a temporary file.
    """

    def __init__(self, target: SshTarget) -> None:
        self.target = target
        self.known: KnownKeys = known_keys(target)
        self.shown: asyncssh.SSHKey | None = None
        self.is_revoked = False
        file = target.restrictions.revoked_keys
        self._revoked = _read_revoked(file, target) if file else None
        if self._revoked:
            self.known = self.known.without(self._revoked)

    def require_valid(self, key: asyncssh.SSHKey | None) -> None:
        """Checks that a key or certificate that was taken is not revoked itself.

        Raises:
            HostKeyRefused: it is.
            OSError: there is no room for a temporary file.
        """
        if key and self._revoked and self._revoked.has(key):
            raise key_invalid(self.target, "Host key is revoked")

    def accepts(self, unlisted: asyncssh.SSHKey) -> bool:
        """Decides whether a key that the files do not have is taken on trust, and remembers it then.

        `StrictHostKeyChecking accept-new` of ssh_config(5) allows it, where no other key is known for the host.

        Raises:
            OSError: the file to remember it in cannot be written, or there is no room for a temporary file.
        """
        self.shown = unlisted
        target = self.target
        self.is_revoked = bool(self._revoked and self._revoked.has(unlisted))
        if self.is_revoked or target.restrictions.known_hosts_command:
            return False
        if self.known.keys or target.host_keys is not HostKeyPolicy.ACCEPT_NEW or target.remember_in is None:
            return False
        remember(unlisted, name=target.host_key_name, path=target.remember_in)
        logger.warning(
            "%s: trusting its host key %s from now on, as StrictHostKeyChecking says; remembered in %s",
            *(target, fingerprint(unlisted), target.remember_in),
        )
        return True

    def fault(self, reason: str) -> HostKeyRefused:
        """Makes the error for a handshake that failed at the host key. `reason` is what the SSH library says of it."""
        if self.shown is None:
            return key_invalid(self.target, reason)
        if self.is_revoked:
            return key_invalid(self.target, "Host key is revoked")
        shown = fingerprint(self.shown)
        if self.known.keys:
            return key_changed(self.target, shown=shown, known=[fingerprint(key) for key in self.known.keys])
        return key_unknown(self.target, shown=shown)


def _read_revoked(file: Path, target: SshTarget) -> RevokedKeys:
    """The keys of `RevokedHostKeys`; where it cannot be read ssh, too, trusts none: ssh_config(5).

    Raises:
        HostKeyRefused: it cannot be read.
    """
    try:
        return RevokedKeys(file)
    except OSError as error:
        text = f"its RevokedHostKeys {file} cannot be read: {error.strerror}. Correct it in the SSH configuration."
        raise HostKeyRefused(f"{target}: {text} Try: {target.try_command}", machine=target.machine) from None


def key_unknown(target: SshTarget, *, shown: str) -> HostKeyRefused:
    """Makes the error for a machine of which no host key is known."""
    where, command = target.remember_in, target.restrictions.known_hosts_command
    note = f"KnownHostsCommand, which may know it, cannot be used here ({command}). " if command else ""
    text = (
        f"its host key is unknown: {shown}. {note}Compare that with `ssh-keygen -lf` of the key on the machine; then "
    )
    if where is None:
        text += "name a known_hosts_file for it, for `UserKnownHostsFile none` can remember nothing."
    elif target.jump or target.proxy_command or target.host_key_alias:
        text += f"add it by connecting once with: {target.try_command}"
    else:
        text += f"add it: ssh-keyscan -p {target.port} {target.host} >> {shlex.quote(str(where))}"
    return HostKeyRefused(f"{target}: {text}", machine=target.machine)


def key_changed(target: SshTarget, *, shown: str, known: Sequence[str]) -> HostKeyRefused:
    """Makes the error for a machine that shows another host key than the one we know."""
    files = " ".join(f"-f {shlex.quote(str(f))}" for f in target.known_hosts_files[:1])
    return HostKeyRefused(
        f"{target}: its host key is not the one we know. It shows {shown}; known is {', '.join(known)}. Somebody may "
        "be in between. If the machine was really set up anew, forget the old key: "
        f"ssh-keygen -R {shlex.quote(target.host_key_name)} {files}, and connect once with: {target.try_command}",
        machine=target.machine,
    )


def key_invalid(target: SshTarget, reason: str) -> HostKeyRefused:
    """Makes the error for a host key or certificate that is revoked, expired or for another name."""
    revoked = target.restrictions.revoked_keys
    files = ", ".join(str(f) for f in (*target.known_hosts_files, *([revoked] if revoked else [])))
    return HostKeyRefused(
        f"{target}: {reason}. Give the machine a new host key or certificate, or correct {files}. "
        f"Try: {target.try_command}",
        machine=target.machine,
    )
