"""The hosts that the user's SSH configuration names: machines that a fleet may be made of."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from miyabi.errors import SshConfigUnusable
from miyabi.machines.machine import Machine, SshConfig
from miyabi.machines.ssh.resolve import resolve

_CONFIG = Path("~/.ssh/config")
_DEEPEST = 16
"""Files within files, as OpenSSH has it (readconf.c, READCONF_MAX_DEPTH)."""
_PATTERN = frozenset("*?!")
_NO_SHELL = {"git"}
"""Users of services that let nobody run commands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SshAlias:
    """A host by the name that the user gave it, and where that leads."""

    name: str
    user: str
    host: str
    port: int

    @property
    def words(self) -> str:
        """The name and, where it says more, the address: `mini1 (runner@mini1.local)`."""
        port = "" if self.port == 22 else f":{self.port}"  # noqa: PLR2004 - that of SSH
        return f"{self.name} ({self.user}@{self.host}{port})"


async def ssh_aliases(config: Path | None = None) -> tuple[SshAlias, ...]:
    """Finds the hosts that the user's SSH configuration names, in its order; connects nowhere.

    Left out are patterns, names that no machine can have, what `ssh -G` does not resolve, and hosts for git alone.

    Args:
        config: in place of ~/.ssh/config.
    """
    names = dict.fromkeys(_names((config or _CONFIG).expanduser(), depth=0))
    chosen = SshConfig(config_file=str(config) if config else None)
    found = await asyncio.gather(*(_resolved(name, chosen) for name in names))
    return tuple(alias for alias in found if alias and alias.user not in _NO_SHELL)


async def _resolved(name: str, chosen: SshConfig) -> SshAlias | None:
    try:
        target = await resolve(Machine(name=name, host=name, ssh=chosen))
    except (SshConfigUnusable, ValueError):
        return None
    return SshAlias(name=name, user=target.user, host=target.host, port=target.port)


def _names(file: Path, *, depth: int) -> Iterator[str]:
    """The names after `Host` in a file and in those that it includes for all hosts, as ssh_config(5) has them."""
    text, is_for_all = "", True
    with suppress(OSError):
        text = file.read_text(encoding="utf-8", errors="replace")
    for line in text.splitlines():
        keyword, *values = _words(line) or [""]
        if keyword.lower() == "host":
            is_for_all = "*" in values
            yield from (value for value in values if not _PATTERN & set(value))
        elif keyword.lower() == "match":
            is_for_all = [value.lower() for value in values] == ["all"]
        elif keyword.lower() == "include" and is_for_all and depth < _DEEPEST:
            for included in (path for value in values for path in _included(value)):
                yield from _names(included, depth=depth + 1)


def _included(pattern: str) -> list[Path]:
    """The files that a pattern means, which is seen from ~/.ssh."""
    path = Path("~/.ssh").expanduser() / Path(pattern).expanduser()
    return sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))


def _words(line: str) -> list[str]:
    """Keyword and values, which an equals sign may stand between; none of a comment."""
    keyword, separator, rest = line.strip().partition("=")
    if separator and len(keyword.split()) == 1:
        line = f"{keyword} {rest}"
    with suppress(ValueError):
        return shlex.split(line, comments=True)
    return line.split()
