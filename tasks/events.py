"""What a run says of itself as Prefect events: names and what they carry as data, and emitting them.

Prefect's own worker sends them from a thread of its own, and what it still holds when the process ends it sends then:
an event costs the run microseconds (3.9.1: 16 ms the first), whether the server is slow or gone. What cannot be sent is
given up with one line in Prefect's log.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from prefect.events import emit_event

from miyabi.errors import BadInput
from miyabi.machines import Machine
from miyabi.runs import MilestoneRun, Run, RunFolder
from miyabi.sessions import Outcome, SessionResult
from miyabi.text import one_line, redact

_CHARACTERS = 500
_SAME_LIMIT_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class EventKind:
    """A kind of event: its name without `miyabi.`, when it is emitted, about what, and what its payload holds."""

    name: str
    when: str
    about: str
    payload: tuple[str, ...]


_SESSION = ("run", "task", "attempt", "machine")
EVENTS = {
    kind.name: kind
    for kind in (
        EventKind("run.started", "a run begins, or is gone on with", "run", ("run", "tasks", "machines", "rehearsal")),
        EventKind(
            "run.ended",
            "all of its sessions are over, or it was cut short",
            "run",
            ("run", "outcomes", "succeeded", "total", "cost_usd", "cut_short"),
        ),
        EventKind("session.started", "a session begins on its machine", "session", _SESSION),
        EventKind(
            "session.ended",
            "its work is collected, or lost",
            "session",
            (*_SESSION, "outcome", "why", "seconds", "turns", "cost_usd"),
        ),
        EventKind("quota.closed", "an account has met its usage limit", "account", ("run", "account", "until")),
        EventKind("quota.opened", "that limit is over, while the run lasts", "account", ("run", "account")),
        EventKind("machine.down", "a machine takes nothing for now, or no more", "machine", ("run", "machine", "why")),
        EventKind("machine.up", "it has answered again", "machine", ("run", "machine")),
        EventKind("pull-request.opened", "a run's pull request is new", "pull-request", ("run", "number", "url")),
        EventKind("pull-request.stuck", "it does not go on by itself", "pull-request", ("run", "number", "url", "why")),
    )
}
"""Every event, by name."""


def resource(kind: str, name: str) -> dict[str, str]:
    """Makes the labels of what an event is about: a run, machine, account, repository and so on."""
    return {"prefect.resource.id": f"miyabi.{kind}.{name}", "prefect.resource.name": name}


def emit(event: str, name: str, *, related: Mapping[str, str], **payload: Any) -> None:
    """Emits the event of that name in `EVENTS`, about the thing called `name`. Returns at once, and raises nothing.

    Args:
        event: without `miyabi.`.
        name: of what it is about.
        related: names by role, such as machine or repository; what has no name is left out.
        payload: as `EVENTS` has it; texts are cut, and go without secrets.

    Flow run, deployment and work pool are added by Prefect, where it is called in a flow run.
    """
    kind = EVENTS[event]
    assert payload.keys() == set(kind.payload), event  # noqa: S101 - the table is what is documented
    roles = {role: each for role, each in related.items() if each}
    emit_event(
        event=f"miyabi.{event}",
        resource=resource(kind.about, redact(name)),
        related=[{**resource(role, redact(each)), "prefect.resource.role": role} for role, each in roles.items()],
        payload={key: _clean(value) for key, value in payload.items()},
    )


def related_to(folder: RunFolder) -> dict[str, str]:
    """Returns what every event of a run is related to, by role: the run, its repository and its milestone.

    Raises:
        BadInput: a file of the folder is damaged.
    """
    of = folder.load(MilestoneRun)
    repository = of.repository if of else folder.repository.name
    run = folder.info().id or folder.run
    return {"run": run, "repository": repository, "milestone": f"{repository}#{of.number}" if of else ""}


@dataclass(kw_only=True)
class RunEvents:
    """The events of a run that is orchestrated here, and what they have said, so that nothing is said twice."""

    live: Run
    _down: set[str] = field(default_factory=set)
    _closed: dict[str, float] = field(default_factory=dict)
    _timers: dict[str, asyncio.TimerHandle] = field(default_factory=dict)

    def started(self, *, tasks: int) -> None:
        """Says that the run begins, with so many tasks still to be done."""
        machines = sorted(self.live.machines)
        self._emit("run.started", self._id, tasks=tasks, machines=machines, rehearsal=self.live.rehearse)

    def ended(self, *, is_cut_short: bool) -> None:
        """Says that the run is over, and how its tasks are."""
        for timer in self._timers.values():
            timer.cancel()
        results = [each for task, each in self.live.results.items() if task in self.live.dag.by_id]
        outcomes = Counter(str(each.outcome) for each in results)
        self._emit(
            "run.ended",
            self._id,
            outcomes=dict(outcomes),
            succeeded=outcomes[Outcome.SUCCEEDED],
            total=len(self.live.dag.nodes),
            cost_usd=round(sum(each.cost_usd for each in self._attempts()), 4),
            cut_short=is_cut_short,
        )

    def _attempts(self) -> Iterable[SessionResult]:
        """All that there were, as far as their files can be read."""
        try:
            return self.live.every_result()
        except BadInput:  # is said where the file is needed
            return self.live.results.values()

    def session_started(self, task: str, attempt: int, machine: Machine) -> None:
        """Says that a session has begun."""
        about = {"task": task, "attempt": attempt, "machine": machine.name}
        self._emit("session.started", self._session(task, attempt), **about)

    def session_ended(self, result: SessionResult) -> None:
        """Says how a session ended, where one began."""
        if result.was_begun and result.machine:
            about = {"task": result.task, "attempt": result.attempt, "machine": result.machine}
            came = {"outcome": str(result.outcome), "why": result.error_text or "", "seconds": round(result.seconds, 3)}
            spent = {"turns": result.turns, "cost_usd": result.cost_usd}
            self._emit("session.ended", self._session(result.task, result.attempt), **about, **came, **spent)

    def machine_down(self, machine: str, why: str) -> None:
        """Says that a machine takes nothing, unless that is said."""
        if machine and machine not in self._down:
            self._down.add(machine)
            self._emit("machine.down", machine, machine=machine, why=why)

    def machine_up(self, machine: str) -> None:
        """Says that a machine takes sessions again, where it was said to take none."""
        if machine in self._down:
            self._down.discard(machine)
            self._emit("machine.up", machine, machine=machine)

    def quota_closed(self, account: str, until: float) -> None:
        """Says that an account's limit is met until then, in seconds since 1970, unless that is said; and its end."""
        name, known = account or "default", self._closed.get(account, 0.0)
        if until <= known + _SAME_LIMIT_SECONDS and known > time.time():
            return
        is_new = known <= time.time()
        self._closed[account] = until
        if timer := self._timers.pop(account, None):
            timer.cancel()
        wait_seconds = max(0.0, until - time.time())
        self._timers[account] = asyncio.get_running_loop().call_later(wait_seconds, self._open, account)
        if is_new:
            self._emit("quota.closed", name, account=name, until=datetime.fromtimestamp(until, tz=UTC).isoformat())

    def _open(self, account: str) -> None:
        self._closed.pop(account, None)
        name = account or "default"
        self._emit("quota.opened", name, account=name)

    def _emit(self, event: str, name: str, **payload: Any) -> None:
        related = self._related | {"machine": str(payload.get("machine", ""))}
        emit(event, name, related=related, run=self.live.run, **payload)

    def _session(self, task: str, attempt: int) -> str:
        return f"{self._id}.{task}.{attempt}"

    @cached_property
    def _related(self) -> dict[str, str]:
        try:
            return related_to(self.live.folder)
        except BadInput:  # is said where the file is needed
            return {"run": self._id}

    @property
    def _id(self) -> str:
        return self.live.run_id or self.live.run


_all: dict[str, RunEvents] = {}


def events_of(live: Run) -> RunEvents:
    """Returns the events of the run, which all who work on it in this process share."""
    return _all.setdefault(str(live.folder.path), RunEvents(live=live))


def end_events(live: Run, *, is_cut_short: bool) -> None:
    """Says that the run is over; if it is gone on with in this process, that begins anew."""
    events_of(live).ended(is_cut_short=is_cut_short)
    _all.pop(str(live.folder.path), None)


def _clean(value: Any) -> Any:
    return one_line(redact(value), characters=_CHARACTERS) if isinstance(value, str) else value
