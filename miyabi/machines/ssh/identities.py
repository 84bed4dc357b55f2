"""Which keys are offered to sshd, and in which order. Knows no library: keys come and are loaded from outside."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from miyabi.machines.ssh.target import SshTarget

_USUAL = ("id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "id_xmss", "id_dsa")


class KeyPair(Protocol):
    """A private key at hand or in an agent."""

    key_public_data: bytes


K = TypeVar("K", bound=KeyPair)


@dataclass(slots=True, kw_only=True)
class Identities(Generic[K]):
    """The keys in the order of the offer, their names, and what was wrong with the others, for the error message."""

    keys: list[K] = field(default_factory=list)
    offered: list[str] = field(default_factory=list)
    unusable: list[str] = field(default_factory=list)

    def add(self, key: K, name: str) -> None:
        """Adds a key to the offer."""
        self.keys.append(key)
        self.offered.append(name)


def choose(target: SshTarget, *, held: Sequence[K], load: Callable[[Path], Sequence[K]]) -> Identities[K]:
    """Chooses the configured keys, from the agent where it holds them, and then the agent's others, if allowed.

    `IdentitiesOnly` of ssh_config(5) keeps those others out.

    Args:
        target: Who wants to log in where.
        held: The agent's keys.
        load: Reads a private key file; raises ValueError or OSError.
    """
    found = Identities[K]()
    for path in target.identity_files:
        _add_configured(found, path, held=held, load=load)
    missing = [path for path in target.identity_files if not path.exists()]
    named = missing if not found.keys else [path for path in missing if path.name not in _USUAL]
    if named:
        found.unusable.append(f"no such file: {', '.join(map(str, named))}")
    if not target.identities_only:
        for key in held:
            if key not in found.keys:
                found.add(key, "a key of the agent")
    return found


def _add_configured(
    found: Identities[K], path: Path, *, held: Sequence[K], load: Callable[[Path], Sequence[K]]
) -> None:
    blob = _public_blob(path)
    same = [key for key in held if key.key_public_data == blob]
    for key in same:
        found.add(key, f"{path} (agent)")
    if same or not path.exists():
        return
    try:
        for key in load(path):
            found.add(key, str(path))
    except ValueError as error:
        found.unusable.append(_what_is_wrong(path, str(error)))
    except OSError as error:
        found.unusable.append(f"{path}: {error.strerror or error}")


def _what_is_wrong(path: Path, reason: str) -> str:
    if "passphrase" in reason.lower():
        return f"{path} is encrypted and no agent holds it (ssh-add {path})"
    return f"{path} is no private key ({reason})"


def _public_blob(path: Path) -> bytes | None:
    """The public key beside a private one, or the file itself where that is the public key."""
    for candidate in (path.with_name(f"{path.name}.pub"), path):
        with suppress(OSError, ValueError, IndexError):
            kind, blob = candidate.read_text().split()[:2]
            if "-" in kind and not kind.startswith("-"):
                return base64.b64decode(blob)
    return None
