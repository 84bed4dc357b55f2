"""A machine: who it is, where it is, how many sessions it takes, what it can do."""

from __future__ import annotations

import math
from functools import cache
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict

from miyabi.machines.active_hours import ActiveHours, Window

MachineName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
Label = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,62}$")]
EnvironmentName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


def _hours(value: str) -> str:
    ActiveHours.parse(value)
    return value


NAMED = "machine:"
"""Before a machine's name, where a task requires that very machine."""


def _absolute(value: str) -> str:
    if not (value == "~" or value.startswith(("/", "~/"))) or not value.isprintable():
        raise ValueError("must be one line, an absolute path or one that begins with ~/ (the home there)")
    return value


AbsolutePath = Annotated[str, AfterValidator(_absolute)]
_parsed = cache(ActiveHours.parse)


class SshConfig(BaseModel):
    """How to reach a machine where `~/.ssh/config` does not already say it; set fields win over the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    user: str | None = Field(None, description="Login name on the machine")
    port: int | None = Field(None, ge=1, le=65535, description="TCP port of sshd")
    identity_file: str | None = Field(None, description="Private key to log in with")
    known_hosts_file: str | None = Field(None, description="File with the host keys we trust")
    config_file: str | None = Field(None, description="OpenSSH client configuration to read, default ~/.ssh/config")


class Account(BaseModel):
    """A Claude account, as sessions on a machine use it that names it. Paths are on the machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, description="Unique name, which machines say in account or accounts")
    config_dir: AbsolutePath | None = Field(None, description="Its CLAUDE_CONFIG_DIR, where it is logged in; or")
    token_file: AbsolutePath | None = Field(
        None, description="file with its token, mode 0600, in place of sessions.oauth_token_file; or both"
    )


class Machine(BaseModel):
    """One machine of the fleet. Without `host` it is this one, over no SSH."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: MachineName = Field(description="Unique name: letters, digits, '.', '_' and '-'")
    host: str | None = Field(None, description="Address, or an alias of ~/.ssh/config; empty: this machine, no SSH")
    slots: int = Field(1, ge=1, le=256, description="How many sessions may run here at the same time")
    labels: tuple[Label, ...] = Field(
        (), description="What it can do; a task's `requires` must all be here, or be its name"
    )
    claude: str = Field("claude", description="Path of the claude command on the machine")
    account: str | None = Field(
        None,
        description="Claude account of its sessions: a usage limit closes all machines that have the same, or none",
    )
    accounts: tuple[str, ...] = Field(
        (), description="In its place, names of several of [[accounts]]: a session takes the one with most left"
    )
    environment: dict[EnvironmentName, str] = Field(
        default_factory=dict, description="Extra environment of its sessions"
    )
    inherit_environment: tuple[EnvironmentName, ...] = Field(
        (), description="Variables of the orchestrator that its sessions get too, by name"
    )
    active_hours: Annotated[str, Strict(), AfterValidator(_hours)] | None = Field(
        None, description="Hours and days on which it takes sessions, e.g. 22:00-07:30, Sat, Sun; empty: always"
    )
    workspace: AbsolutePath = Field("~/.miyabi", description="Folder on the machine for code and sessions")
    ssh: SshConfig = Field(default_factory=SshConfig, description="SSH options that win over ~/.ssh/config")
    min_free_gb: float = Field(
        0, ge=0, allow_inf_nan=False, description="Gigabytes free on its disk below which no session begins; 0: any"
    )
    memory_mb_per_session: int = Field(
        250, ge=0, description="Megabytes of available memory that a session needs to begin; 0: any"
    )

    @property
    def logins(self) -> tuple[str, ...]:
        """The accounts that its sessions may use, by name, at least one: empty is that which has no name."""
        return self.accounts or (self.account or "",)

    @property
    def offers(self) -> frozenset[str]:
        """All that a task may require and finds here: the labels, the name, and `machine:NAME`."""
        return frozenset((*self.labels, self.name, f"{NAMED}{self.name}"))

    def window(self, now: float) -> Window | None:
        """Returns when it takes sessions, now or else next; None where it always does. `now` is seconds since 1970."""
        return _parsed(self.active_hours).window(now) if self.active_hours else None

    def is_active(self, now: float) -> bool:
        """Returns whether it takes sessions at that moment, as far as its hours say."""
        window = self.window(now)
        return window is None or window.opens <= now

    @property
    def floors_mib(self) -> tuple[int, int]:
        """Mebibytes of free disk and of available memory below which it takes no session; 0: any."""
        return math.ceil(1e9 * self.min_free_gb / 2**20), math.ceil(1e6 * self.memory_mb_per_session / 2**20)

    @property
    def slot_tag(self) -> str:
        """The tag whose Prefect limit counts this machine's slots."""
        return f"slot:{self.name}"


LOCAL = Machine(name="local", slots=2)
"""The fleet of whoever has written no configuration."""
