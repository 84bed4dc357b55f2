"""How it stands with each machine."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Self

from pydantic import Field

from miyabi.errors import MachineError
from miyabi.machines import Cordon, Machine
from miyabi.runs import MachineFacts, Seen
from miyabi.views.answer import Answer, View


class MachineView(View):
    """One machine; what it does not say of itself, and all of that where it does not answer, is `null` or empty."""

    machine: str
    slots: int
    used: int | None = Field(None, description="How many slots are taken, whoever's sessions those are")
    state: str = Field(description="Whether it takes sessions, and if not why and until when, in words")
    error: str = Field("", description="Why it does not answer")
    last_seen: datetime | None = Field(None, description="When it has answered last")
    away_since: datetime | None = None
    cordon: str = Field("", description="Who has taken it out, in words; empty where nobody has")
    cordon_until: datetime | None = None
    sessions: tuple[str, ...] = Field((), description="Those that hold a slot, each as RUN.TASK.ATTEMPT")
    system: str = ""
    git: str = ""
    perl: str = ""
    claude: str = ""
    login: str = Field("", description="How claude is logged in; empty where it is not")
    free_mib: int | None = Field(None, description="Free disk")
    memory_mib: int | None = Field(None, description="Free memory")
    load: float | None = Field(None, description="Of the last minute")
    cores: int | None = None

    @classmethod
    def of(
        cls,
        machine: Machine,
        facts: MachineFacts | MachineError,
        *,
        state: str,
        seen: Seen,
        cordon: Cordon | None,
        now: float,
    ) -> Self:
        """Makes that of a machine; `cordon` is what the Prefect server keeps, `now` seconds since 1970."""
        known = None if isinstance(facts, MachineError) else facts
        why, until = _taken_out(known, cordon, now)
        said = {name: getattr(known, name) for name in _SAID} if known else {}
        return cls(
            machine=machine.name,
            slots=machine.slots,
            used=len(known.sessions) if known else None,
            state=state,
            error="" if known else str(facts),
            last_seen=_moment(seen.last),
            away_since=_moment(seen.away_since),
            cordon=why,
            cordon_until=_moment(until),
            **said,
        )


class Machines(Answer):
    """What `miyabi machines` says."""

    machines: tuple[MachineView, ...]


_SAID = ("sessions", "system", "git", "perl", "claude", "login", "free_mib", "memory_mib", "load", "cores")


def _taken_out(facts: MachineFacts | None, cordon: Cordon | None, now: float) -> tuple[str, float | None]:
    """Returns by whom and until when it is out, as the server says, else as the machine itself does."""
    if cordon and cordon.holds(now):
        return cordon.words(now), cordon.until
    if facts and facts.cordon and (facts.cordon_until is None or now < facts.cordon_until):
        return facts.cordon, facts.cordon_until
    return "", None


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, tz=UTC)
