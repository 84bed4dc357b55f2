"""What a user's SSH configuration forbids, and what of it we cannot do. Asks nobody.

The options are those of ssh_config(5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_KEYS_ARE_OFF = frozenset({"no", "false"})
_ON = frozenset({"yes", "true"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Restrictions:
    """Algorithms by the name of their option, each in the user's order; no entry where anything goes.

    `revoked_keys` is a file with host keys, or a key revocation list. `known_hosts_command` is what ssh would ask for
    host keys, empty for nothing.
    """

    host_keys: tuple[str, ...] = ()
    key_exchanges: tuple[str, ...] = ()
    ciphers: tuple[str, ...] = ()
    macs: tuple[str, ...] = ()
    signatures: tuple[str, ...] = ()
    revoked_keys: Path | None = None
    known_hosts_command: str = ""

    @classmethod
    def of(cls, options: Mapping[str, Sequence[str]]) -> Self:
        """Takes them out of the answer of `ssh -G`, by lower-case keyword; `none` counts as no entry."""
        revoked = _first(options, "revokedhostkeys")
        return cls(
            host_keys=_names(options, "hostkeyalgorithms"),
            key_exchanges=_names(options, "kexalgorithms"),
            ciphers=_names(options, "ciphers"),
            macs=_names(options, "macs"),
            signatures=_names(options, "pubkeyacceptedalgorithms") or _names(options, "pubkeyacceptedkeytypes"),
            revoked_keys=Path(revoked).expanduser() if revoked else None,
            known_hosts_command=_first(options, "knownhostscommand"),
        )


def refusal(options: Mapping[str, Sequence[str]]) -> str:
    """Returns why nobody can log in by this configuration, or we cannot; empty where we can."""
    if _first(options, "pubkeyauthentication").lower() in _KEYS_ARE_OFF:
        return "PubkeyAuthentication is off, and only keys can log in here. Set it to yes for this host."
    preferred = _names(options, "preferredauthentications")
    if preferred and "publickey" not in preferred:
        return f"PreferredAuthentications {','.join(preferred)} leaves out publickey, and only keys can log in here."
    if _first(options, "proxyusefdpass").lower() in _ON and _first(options, "proxycommand"):
        return "ProxyUseFdpass cannot be used here. Take it out and let the ProxyCommand carry the connection itself."
    return ""


def _first(options: Mapping[str, Sequence[str]], keyword: str) -> str:
    value = next(iter(options.get(keyword, ())), "")
    return "" if value == "none" else value


def _names(options: Mapping[str, Sequence[str]], keyword: str) -> tuple[str, ...]:
    return tuple(name for name in _first(options, keyword).split(",") if name)
