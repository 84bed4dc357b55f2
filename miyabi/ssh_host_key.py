"""Whether a machine's host key is the right one, and what to tell when it is not. Keys are texts, see `known_hosts`."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Sequence

from miyabi.errors import HostKeyRefused
from miyabi.known_hosts import KnownKeys, fingerprint, known_keys, remember
from miyabi.ssh_config import HostKeyPolicy, SshTarget

logger = logging.getLogger(__name__)


class HostKeyCheck:
    """One handshake's check. `known` is what the files said before it, `shown` the key that they do not have."""

    def __init__(self, target: SshTarget) -> None:
        self.target = target
        self.known: KnownKeys = known_keys(target)
        self.shown: str | None = None

    def accepts(self, unlisted: str) -> bool:
        """Whether a key that the files do not have may be taken on trust; it is remembered then."""
        self.shown = unlisted
        target = self.target
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
        shown = fingerprint(self.shown)
        if self.known.keys:
            return key_changed(self.target, shown=shown, known=[fingerprint(key) for key in self.known.keys])
        return key_unknown(self.target, shown=shown)


def key_unknown(target: SshTarget, *, shown: str) -> HostKeyRefused:
    """We have no host key for it."""
    where = target.remember_in
    text = f"its host key is unknown: {shown}. Compare that with `ssh-keygen -lf` of the key on the machine; then "
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
    files = ", ".join(str(f) for f in target.known_hosts_files)
    return HostKeyRefused(
        f"{target}: {reason}. Give the machine a new host key or certificate, or correct {files}. "
        f"Try: {target.try_command}",
        machine=target.machine,
    )
