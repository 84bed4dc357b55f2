"""A machine that somebody has taken out for a while: by whom and until when, and what says so on the machine itself."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from miyabi.errors import RemoteFailed
from miyabi.machines.host import Host
from miyabi.machines.machine import Machine
from miyabi.text import one_line, time_of_day

# WORKSPACE/cordon: when it ends by itself (seconds since 1970, 0: never), and a line for people; slots.pl reads it
_WRITE = (
    'umask 077; if [ -z "$2" ]; then exec rm -f "$1/cordon"; fi; mkdir -p "$1" && '
    """printf '%s\\n%s\\n' "$2" "$3" >"$1/.cordon.$$" && mv -f "$1/.cordon.$$" "$1/cordon\""""
)
_LAST = 253_402_128_000.0  # what a calendar has; milliseconds, as somebody may write by hand, are beyond


class Cordon(BaseModel):
    """Why a machine takes no session at present. Times are seconds since 1970; `until` is None where nobody said when.

    `drains`: it is to be empty. `now`: its sessions are told to end, and their tasks go elsewhere.
    """

    model_config = ConfigDict(frozen=True)

    machine: str
    drains: bool = False
    now: bool = False
    since: float = Field(ge=0, lt=_LAST)
    until: float | None = Field(None, ge=0, lt=_LAST)
    by: str = ""

    @classmethod
    def read(cls, value: object) -> Self | None:
        """Reads what the fields are as plain values; None where that is no cordon of ours."""
        try:
            return cls.model_validate(value)
        except ValidationError:  # somebody has written it by hand
            return None

    def holds(self, now: float) -> bool:
        """Returns whether it is not over; `now` is seconds since 1970."""
        return self.until is None or now < self.until

    def words(self, now: float) -> str:
        """Says what it is, by whom, since when and until when: `cordoned by kazu@studio at 21:04, until 07:00`."""
        state = "drained" if self.drains else "cordoned"
        by = f" by {self.by}" if self.by else ""
        until = f", until {time_of_day(self.until, now=now)}" if self.until else ""
        return one_line(f"{state}{by} at {time_of_day(self.since, now=now)}{until}", characters=200)


async def tell_machine(machine: Machine, host: Host, cordon: Cordon | None, *, now: float) -> None:
    """Has the machine itself refuse every session that would begin, or take them again where `cordon` is None.

    `now` is seconds since 1970.

    Raises:
        RemoteFailed: the file could not be written there.
        MachineError: as `Host.run`.
    """
    # an end is rounded up: the machine's clock is another one, and whoever asked for it must not see it end early
    until, text = (str(int((cordon.until or -1) + 1)), cordon.words(now)) if cordon else ("", "")
    done = await host.run(["exec", "/bin/sh", "-c", _WRITE, "sh", machine.workspace, until, text])
    if done.exit_status:
        why = done.complaint or f"exit status {done.exit_status}"
        raise RemoteFailed(f"{machine.name}: {machine.workspace} could not be told: {why}", machine=machine.name)
