"""Whether a machine's host key is the right one, and what to tell when it is not. Keys are texts, see `known_hosts`."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Sequence
from pathlib import Path

from miyabi.errors import HostKeyRefused
from miyabi.machines.ssh.host_keys import KnownKeys, fingerprint, known_keys, remember
from miyabi.machines.ssh.revoked_keys import RevokedKeys
from miyabi.machines.ssh.target import HostKeyPolicy, SshTarget

logger = logging.getLogger(__name__)


class HostKeyCheck:
    """One handshake's check. `known` is what the files said before it, `shown` the key that they do not have."""

    def __init__(self, target: SshTarget) -> None:
        self.target = target
        self.known: KnownKeys = known_keys(target)
        self.shown: str | None = None
        self.is_revoked = False
        file = target.restrictions.revoked_keys
        self._revoked = _read_revoked(file, target) if file else None
        if self._revoked:
            self.known = self.known.without(self._revoked)

    def require_valid(self, key: str) -> None:
        """Passes a key or certificate that was taken, if it is not revoked itself.

        Raises:
            HostKeyRefused: it is.
        """
        if key and self._revoked and self._revoked.has(key):
            raise key_invalid(self.target, "Host key is revoked")

    def accepts(self, unlisted: str) -> bool:
        """Whether a key that the files do not have may be taken on trust; it is remembered then."""
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
        """Why the handshake failed at the host key. `reason` is what the SSH library says of it."""
        if self.shown is None:
            return key_invalid(self.target, reason)
        if self.is_revoked:
            return key_invalid(self.target, "Host key is revoked")
        shown = fingerprint(self.shown)
        if self.known.keys:
            return key_changed(self.target, shown=shown, known=[fingerprint(key) for key in self.known.keys])
        return key_unknown(self.target, shown=shown)


def _read_revoked(file: Path, target: SshTarget) -> RevokedKeys:
    """The keys of `RevokedHostKeys`; where it cannot be read ssh, too, trusts none.

    Raises:
        HostKeyRefused: it cannot be read.
    """
    try:
        return RevokedKeys(file)
    except OSError as error:
        text = f"its RevokedHostKeys {file} cannot be read: {error.strerror}. Correct it in the SSH configuration."
        raise HostKeyRefused(f"{target}: {text} Try: {target.try_command}", machine=target.machine) from None


def key_unknown(target: SshTarget, *, shown: str) -> HostKeyRefused:
    """We have no host key for it."""
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
    """It shows another host key than the one we know."""
    files = " ".join(f"-f {shlex.quote(str(f))}" for f in target.known_hosts_files[:1])
    return HostKeyRefused(
        f"{target}: its host key is not the one we know. It shows {shown}; known is {', '.join(known)}. Somebody may "
        "be in between. If the machine was really set up anew, forget the old key: "
        f"ssh-keygen -R {shlex.quote(target.host_key_name)} {files}, and connect once with: {target.try_command}",
        machine=target.machine,
    )


def key_invalid(target: SshTarget, reason: str) -> HostKeyRefused:
    """Its host key or certificate is revoked, expired or for another name."""
    revoked = target.restrictions.revoked_keys
    files = ", ".join(str(f) for f in (*target.known_hosts_files, *([revoked] if revoked else [])))
    return HostKeyRefused(
        f"{target}: {reason}. Give the machine a new host key or certificate, or correct {files}. "
        f"Try: {target.try_command}",
        machine=target.machine,
    )
