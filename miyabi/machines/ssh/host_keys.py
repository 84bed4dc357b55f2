"""known_hosts files as OpenSSH reads them. A key is its text: `ssh-ed25519 AAAA…`, without a comment."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from miyabi.machines.ssh.revoked_keys import RevokedKeys
from miyabi.machines.ssh.target import SshTarget

_RSA = ("rsa-sha2-512", "rsa-sha2-256")
_PLAIN = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", *_RSA)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownKeys:
    """What the files say about one target. `keys` are its own; `borrowed` those of the same host on port 22."""

    keys: tuple[str, ...] = ()
    borrowed: tuple[str, ...] = ()
    authorities: tuple[str, ...] = ()
    revoked: tuple[str, ...] = ()

    @property
    def algorithms(self) -> tuple[str, ...]:
        """Host key algorithms to ask for: those that we can check first, then all others to see what it shows."""
        known = [a for key in (*self.keys, *self.borrowed) for a in _algorithms(key)]
        certified = [f"{a}-cert-v01@openssh.com" for a in _PLAIN] if self.authorities else []
        return tuple(dict.fromkeys([*certified, *known, *_PLAIN]))

    def without(self, revoked: RevokedKeys) -> KnownKeys:
        """The same, where what the file has is revoked."""
        every = (*self.keys, *self.borrowed, *self.authorities)
        return replace(self, revoked=(*self.revoked, *revoked.among(every)))


def known_keys(target: SshTarget) -> KnownKeys:
    """What the target's known_hosts files say; files that are missing or unreadable say nothing."""
    texts = [_read(path) for path in target.known_hosts_files]
    own = keys_in("\n".join(texts), name=target.host_key_name)
    if target.host_key_name == target.host or target.host_key_alias:
        return own
    bare = keys_in("\n".join(texts), name=target.host)
    return KnownKeys(
        keys=own.keys,
        borrowed=() if own.keys else bare.keys,
        authorities=own.authorities or bare.authorities,
        revoked=own.revoked + bare.revoked,
    )


def keys_in(text: str, *, name: str) -> KnownKeys:
    """The keys that these lines give to the name. Lines that nobody understands are skipped, as by ssh."""
    found = list(_entries(text, name.lower()))
    return KnownKeys(
        keys=tuple(key for marker, key in found if not marker),
        authorities=tuple(key for marker, key in found if marker == "@cert-authority"),
        revoked=tuple(key for marker, key in found if marker == "@revoked"),
    )


def remember(key: str, *, name: str, path: Path) -> None:
    """Adds one line; makes the file, and its folder for the user alone, where there is none."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    last = _read(path)[-1:]
    line = f"{name} {key}\n" if last in ("", "\n") else f"\n{name} {key}\n"
    with path.open("a") as file:
        file.write(line)


def fingerprint(key: str) -> str:
    """Type and SHA-256 of a key, as `ssh-keygen -lf` prints it."""
    kind, _, blob = key.partition(" ")
    digest = hashlib.sha256(base64.b64decode(blob)).digest()
    return f"{kind} SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def _read(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(errors="replace")
    return ""


def _entries(text: str, name: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        words = line.split()
        marker = words.pop(0) if words and words[0].startswith("@") else ""
        with suppress(ValueError):  # a damaged line is nobody's
            hosts, kind, key = words[:3]
            if not hosts.startswith("#") and base64.b64decode(key) and _matches(hosts, name):
                yield marker, f"{kind} {key}"


def _matches(patterns: str, name: str) -> bool:
    if patterns.startswith("|1|"):
        return _matches_hashed(patterns, name)
    hits = [p for p in patterns.lower().split(",") if _matches_one(p.removeprefix("!"), name)]
    return bool(hits) and not any(p.startswith("!") for p in hits)


def _matches_one(pattern: str, name: str) -> bool:
    signs = re.escape(re.sub(r"\*+", "*", pattern))
    return re.fullmatch(signs.replace(r"\*", ".*").replace(r"\?", "."), name) is not None


def _matches_hashed(pattern: str, name: str) -> bool:
    _, _, salt, digest = pattern.split("|")[:4]
    return base64.b64encode(hmac.digest(base64.b64decode(salt), name.encode(), "sha1")).decode() == digest


def _algorithms(key: str) -> tuple[str, ...]:
    kind = key.partition(" ")[0]
    return _RSA if kind == "ssh-rsa" else (kind,) if kind in _PLAIN else ()
