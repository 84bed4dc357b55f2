"""What a machine says about a session: one line, and the values in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a session stands on its machine."""

    NONE = "none"  # never heard of
    STAGED = "staged"  # its parts are there, it has not started: refused because the machine was full
    RUNNING = "running"  # supervised: the agent, or what comes after it
    EXITED = "exited"  # over, and everything about its end is known
    LOST = "lost"  # the supervisor died (reboot, kill -9) and nothing of it runs; how it ended is not known
    ORPHAN = "orphan"  # the supervisor died, the agent runs on: it holds its slot, no time limit ends it, `stop` does


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A session as its machine sees it. Sizes are bytes, times are seconds since 1970 on the machine's own clock."""

    state: State
    exit_status: int | None = None
    """Of the agent, as a shell tells it (143: TERM); None until it has ended."""
    ended_by: str = ""
    """What ended the agent: "itself", "timeout", "stop" or "lingered", after its last result; empty until then."""
    check_exit: int | None = None
    """Of the `after` script; None where it did not run to its end."""
    out_bytes: int = 0
    err_bytes: int = 0
    now: int = 0
    free_kib: int | None = None
    """Room on the disk of the workspace; None where the machine did not say."""
    over_seconds: int | None = None
    """How long ago it came to its end; None until then, and where nobody saw the end."""

    @property
    def live(self) -> bool:
        """Whether it holds a slot."""
        return self.state in {State.RUNNING, State.ORPHAN}


_LINE = re.compile(
    r"miyabi1 (?P<session>\S+) (?P<state>\w+) rc=(?P<rc>\S+) by=(?P<by>\S+) check=(?P<check>\S+)"
    r" out=(?P<out>\d+) err=(?P<err>\d+) now=(?P<now>\d+) free=(?P<free>\S+) over=(?P<over>\S+)"
)


def parse_status(line: str) -> tuple[str, Status]:
    """The session's name and status.

    Raises:
        ValueError: it is not a status line.
    """
    if not (found := _LINE.fullmatch(line.strip())):
        raise ValueError(f"not a status line: {line[:200]!r}")
    status = Status(
        state=State(found["state"]),
        exit_status=_number(found["rc"]),
        ended_by=found["by"].replace("-", ""),
        check_exit=_number(found["check"]),
        out_bytes=int(found["out"]),
        err_bytes=int(found["err"]),
        now=int(found["now"]),
        free_kib=_number(found["free"]),
        over_seconds=_number(found["over"]),
    )
    return found["session"], status


def _number(text: str) -> int | None:
    return None if text == "-" else int(text)
