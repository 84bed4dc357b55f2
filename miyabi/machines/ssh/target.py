"""One sshd and how to get in: the answer of `ssh -G` as a value. Asks nobody; see `miyabi.machines.ssh.resolve`."""

from __future__ import annotations

import getpass
import os
import pwd
import re
import shlex
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from miyabi.machines.machine import SshConfig
from miyabi.machines.ssh.restrictions import Restrictions

_SSH_PORT = 22
_SLOWEST_KEEPALIVE_SECONDS = 10.0  # with BatchMode, Debian's ssh says 300: half an hour to notice a dead link
_MOST_KEEPALIVE_MISSES = 4
_FAMILIES = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}
_CIPHERS = (  # AES-GCM first: twice the speed of ChaCha20 at half the CPU
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
)

Options = Mapping[str, Sequence[str]]


class HostKeyPolicy(StrEnum):
    """What an unknown host key means. A changed or revoked one is refused under either."""

    STRICT = "strict"  # refused: yes, ask
    ACCEPT_NEW = "accept-new"  # trusted and remembered: accept-new, no


@dataclass(frozen=True, slots=True, kw_only=True)
class SshTarget:
    """One sshd and how to get in. `jump` is the hop before it, which may have one itself."""

    machine: str
    alias: str
    host: str
    port: int
    user: str
    try_command: str
    is_jump: bool
    family: socket.AddressFamily
    identity_files: tuple[Path, ...]
    certificate_files: tuple[Path, ...]
    identities_only: bool
    agent: str | None
    known_hosts_files: tuple[Path, ...]
    remember_in: Path | None
    host_key_alias: str | None
    host_keys: HostKeyPolicy
    ciphers: tuple[str, ...]
    connect_timeout_seconds: float
    keepalive_seconds: float
    keepalive_misses: int
    proxy_command: str | None
    jump: SshTarget | None = None
    restrictions: Restrictions = field(default_factory=Restrictions)

    @property
    def host_key_name(self) -> str:
        """Its name in known_hosts files: `[host]:port` where the port is not 22, as in sshd(8)."""
        if self.host_key_alias:
            return self.host_key_alias
        return self.host if self.port == _SSH_PORT else f"[{self.host}]:{self.port}"

    def __str__(self) -> str:
        address = f"{self.user}@{self.host}:{self.port}"
        return f"{self.machine}: jump host {self.alias} ({address})" if self.is_jump else f"{self.machine} ({address})"


def ssh_flags(chosen: SshConfig) -> list[str]:
    """Returns the flags by which `ssh` gets the machine's own fields: configuration file, port and user."""
    flags = {"-F": _config_file(chosen), "-p": chosen.port, "-l": chosen.user}
    return [word for flag, value in flags.items() if value is not None for word in (flag, str(value))]


def terminal_flags(chosen: SshConfig) -> list[str]:
    """Returns the flags by which `ssh` runs a command as asyncssh does here: by the machine's own key and host keys.

    A host key that is not known was refused, or remembered, when we connected.
    """
    options = ["RemoteCommand=none", "StrictHostKeyChecking=yes"]
    if chosen.identity_file:
        options += [f'IdentityFile="{_in_home(chosen.identity_file)}"', "IdentitiesOnly=yes"]
    if chosen.known_hosts_file:
        options += [f'UserKnownHostsFile="{_in_home(chosen.known_hosts_file)}"', "GlobalKnownHostsFile=none"]
    return [*ssh_flags(chosen), *(word for option in options for word in ("-o", option))]


def _config_file(chosen: SshConfig) -> str | None:
    """The file to name to ssh, which itself looks into the passwd home and not into `$HOME`."""
    if chosen.config_file:
        return str(_in_home(chosen.config_file))
    own = Path("~/.ssh/config").expanduser()
    return str(own) if Path.home() != _passwd_home() and own.exists() else None


def _in_home(text: str) -> Path:
    """The path where `~` is a home; one of a user who is not there stays as it is, and is missed later."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def _passwd_home() -> Path:
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return Path.home()


def parse_answer(text: str) -> dict[str, list[str]]:
    """Sorts the lines of `ssh -G` by keyword.

    Returns:
        The values of each keyword, which is in lower case; one that may be repeated keeps their order.
    """
    options: dict[str, list[str]] = {}
    for line in text.splitlines():
        keyword, _, value = line.partition(" ")
        options.setdefault(keyword.lower(), []).append(value.strip())
    return options


def parse_jump(text: str) -> tuple[str, SshConfig]:
    """Parses one `[ssh://][user@]host[:port]` of a ProxyJump of ssh_config(5).

    Returns:
        The host, without the brackets of an IPv6 address, and what the text says about user and port.
    """
    user, _, address = text.strip().removeprefix("ssh://").rpartition("@")
    match = re.fullmatch(r"\[(?P<v6>[^]]+)\](?::(?P<p6>\d+))?|(?P<host>[^:]+):(?P<port>\d+)", address)
    if match is None:
        return address, SshConfig(user=user or None)
    port = match["p6"] or match["port"]
    return match["v6"] or match["host"], SshConfig(user=user or None, port=int(port) if port else None)


def target_from(options: Options, *, machine: str, alias: str, chosen: SshConfig, is_jump: bool) -> SshTarget:
    """Makes the target that these `ssh -G` options and the machine's own fields, which win, describe. Jumps left out.

    Raises:
        ValueError: the port is no number, which `ssh -G` never says.
    """
    tokens = _tokens(options, alias=alias)
    proxy = _one(options, "proxycommand", default="none")
    return SshTarget(
        machine=machine,
        alias=alias,
        host=_one(options, "hostname", default=alias),
        port=int(_one(options, "port", default=str(_SSH_PORT))),
        user=_one(options, "user"),
        try_command=shlex.join(["ssh", *ssh_flags(chosen), alias, "true"]),
        is_jump=is_jump,
        family=_FAMILIES.get(_one(options, "addressfamily"), socket.AF_UNSPEC),
        **_identities(options, tokens, chosen=chosen),
        **_known_hosts(options, chosen=chosen),
        ciphers=_ciphers(_one(options, "ciphers")),
        **_timing(options),
        proxy_command=None if proxy == "none" else _percent(proxy, tokens),
        restrictions=Restrictions.of(options),
    )


def _identities(options: Options, tokens: Mapping[str, str], *, chosen: SshConfig) -> dict[str, Any]:
    """The fields that say who we are."""
    identities = [chosen.identity_file] if chosen.identity_file else options.get("identityfile", [])
    return {
        "identity_files": tuple(_expand(i, tokens) for i in identities if i != "none"),
        "certificate_files": tuple(_expand(c, tokens) for c in options.get("certificatefile", []) if c != "none"),
        "identities_only": bool(chosen.identity_file) or _one(options, "identitiesonly") == "yes",
        "agent": _agent(options, tokens),
    }


def _known_hosts(options: Options, *, chosen: SshConfig) -> dict[str, Any]:
    """The fields that say by what the host is known."""
    user_hosts = _paths(_one(options, "userknownhostsfile"))
    if chosen.known_hosts_file:
        user_hosts = (_in_home(chosen.known_hosts_file),)
    global_hosts = () if chosen.known_hosts_file else _paths(_one(options, "globalknownhostsfile"))
    lenient = _one(options, "stricthostkeychecking") in ("accept-new", "false", "no", "off")
    return {
        "known_hosts_files": (*user_hosts, *global_hosts),
        "remember_in": user_hosts[0] if user_hosts else None,
        "host_key_alias": _one(options, "hostkeyalias") or None,
        "host_keys": HostKeyPolicy.ACCEPT_NEW if lenient else HostKeyPolicy.STRICT,
    }


def _timing(options: Options) -> dict[str, Any]:
    """The fields that say how long a silent host is waited for."""
    is_alive_asked = _seconds(options, "serveraliveinterval", default=0)
    misses = int(_seconds(options, "serveralivecountmax", default=2)) if is_alive_asked else 2
    return {
        "connect_timeout_seconds": _seconds(options, "connecttimeout", default=10),
        "keepalive_seconds": min(_seconds(options, "serveraliveinterval", default=5), _SLOWEST_KEEPALIVE_SECONDS),
        "keepalive_misses": min(misses, _MOST_KEEPALIVE_MISSES),
    }


def _ciphers(allowed: str) -> tuple[str, ...]:
    """Those that are allowed, the fast ones first."""
    names = [name for name in allowed.split(",") if name]
    return (*(c for c in _CIPHERS if c in names), *(n for n in names if n not in _CIPHERS)) if names else _CIPHERS


def _one(options: Options, keyword: str, *, default: str = "") -> str:
    return next(iter(options.get(keyword, ())), default)


def _seconds(options: Options, keyword: str, *, default: float) -> float:
    value = _one(options, keyword)
    return float(value) if value.isdigit() and value != "0" else default


def _tokens(options: Options, *, alias: str) -> dict[str, str]:
    host, user = _one(options, "hostname", default=alias), _one(options, "user")
    name = socket.gethostname()
    return {
        "%": "%",
        "d": str(Path.home()),
        "h": host,
        "i": str(os.getuid()),
        "k": _one(options, "hostkeyalias") or alias,
        "L": name.partition(".")[0],
        "l": name,
        "n": alias,
        "p": _one(options, "port", default=str(_SSH_PORT)),
        "r": user,
        "u": getpass.getuser(),
    }


def _percent(text: str, tokens: Mapping[str, str]) -> str:
    return re.sub(r"%(.)", lambda match: tokens.get(match[1], match[0]), text)


def _expand(text: str, tokens: Mapping[str, str]) -> Path:
    text = re.sub(r"\$\{(\w+)\}", lambda match: os.environ.get(match[1], ""), text)
    return _in_home(_percent(text, tokens))


def _agent(options: Options, tokens: Mapping[str, str]) -> str | None:
    configured = _one(options, "identityagent", default="SSH_AUTH_SOCK")
    if configured == "none":
        return None
    if configured == "SSH_AUTH_SOCK" or re.fullmatch(r"\$\w+", configured):
        return os.environ.get(configured.lstrip("$")) or None
    return str(_expand(configured, tokens))


def _paths(text: str) -> tuple[Path, ...]:
    """Files of one line; `ssh -G` does not quote blanks, but each path starts with a slash. `none` is no file."""
    return tuple(_own_home(p) for p in re.split(r"\s+(?=[/~])", text) if p not in ("", "none"))


def _own_home(text: str) -> Path:
    """The path below `$HOME` where ssh has put the passwd home."""
    path, real = _in_home(text), _passwd_home()
    return Path.home() / path.relative_to(real) if path.is_relative_to(real / ".ssh") else path
