"""The hour at which a run is to be over: what may start still, when sessions are told to end, and why."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from miyabi.dag import Node
from miyabi.machines import Machine
from miyabi.runs.durations import Durations, Expected
from miyabi.sessions import Outcome, SessionResult
from miyabi.settings import Settings
from miyabi.system import LOOK_SECONDS, next_moment
from miyabi.text import time_of_day

ACTIVE_HOURS = "active_hours"
"""Kind of the error of a session that ended as its machine's hours did."""

_GO_ON = "the conversation can go on"
_NOTHING_KNOWN = Durations()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """When a run is to be over, and before that its sessions; seconds since 1970, infinite where there is no such hour.

    Between `stop_at` and `until` work is collected, integrated and published.
    """

    until: float = math.inf
    stop_at: float = math.inf
    durations: Durations = _NOTHING_KNOWN
    seconds_a_minute: float = 60.0

    @classmethod
    def of(cls, settings: Settings, *, repository: Path, rehearse: bool) -> Self:
        """Makes that of a run that begins, or goes on, now."""
        runs = settings.runs
        if runs.until is None and not any(machine.active_hours for machine in settings.machines):
            return cls()
        until = next_moment(runs.until, now=time.time()) if runs.until else math.inf
        return cls(
            until=until,
            stop_at=until - settings.wrap_up_seconds,
            durations=Durations.read(repository, rehearse=rehearse),
            seconds_a_minute=runs.rehearsal_seconds_per_minute if rehearse else 60.0,
        )

    @property
    def is_set(self) -> bool:
        """Whether there is such an hour."""
        return self.until < math.inf

    @property
    def text(self) -> str | None:
        """The hour as a setting may have it, for whoever goes on with the run: always this very moment."""
        return datetime.fromtimestamp(self.until, tz=UTC).isoformat() if self.is_set else None

    def why_not(self, node: Node, *, is_begun: bool, now: float) -> str | None:
        """Says why no session of the task is to start now; None where one may.

        One that begins a task has to have its usual time; one that goes on with it is only not to begin too late.
        """
        if not self.is_set:
            return None
        if now >= self.stop_at:
            return f"until: {self._ends(now)}"
        expected = self.expected(node)
        if is_begun or now + expected.seconds <= self.stop_at:
            return None
        return f"until: it is likely to take {expected.words}, and {self._ends(now)}"

    def expected(self, node: Node) -> Expected:
        """Says how long a task is likely to take."""
        return self.durations.expected(node, estimate_seconds=self.seconds_a_minute * node.estimated_duration)

    def explained(self, result: SessionResult, machine: Machine) -> SessionResult:
        """Returns the result of a session that nobody else has stopped, with the reason where it was told to end."""
        ended = result.end.timestamp() if result.end else 0.0
        if result.outcome is not Outcome.STOPPED:
            return result
        if ended >= self.stop_at:
            return result.model_copy(update={"error_text": f"until: {self._ends(ended)}; {_GO_ON}"})
        window = machine.window(ended + LOOK_SECONDS)
        if window is None or window.opens <= ended:
            return result
        opens = time_of_day(window.opens, now=ended)
        why = f"active_hours: {machine.name} takes sessions again at {opens}; {_GO_ON}"
        return result.model_copy(update={"error_kind": ACTIVE_HOURS, "error_text": why})

    def sentence(self, now: float) -> str:
        """Says when what happens."""
        return f"until: {self._ends(now)}; nothing is begun that would take longer"

    def seconds_left(self, machine: Machine, *, now: float) -> float:
        """Returns the seconds after which a machine ends a session by itself, whoever is there to ask; 0: never."""
        window = machine.window(now)
        ends = min(self.until, window.closes if window and window.opens <= now else math.inf)
        return max(ends - now, 1.0) if ends < math.inf else 0.0

    def _ends(self, now: float) -> str:
        stop, over = (time_of_day(moment, now=now) for moment in (self.stop_at, self.until))
        return f"sessions are told to end at {stop}, for the run to be over by {over}"


NO_DEADLINE = Deadline()
