"""The result of an attempt whose end, or whose work, was not collected: as much as is known, and what to do."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from miyabi.claude import Transcript
from miyabi.errors import MachineError, MiyabiError
from miyabi.machines import Machine
from miyabi.runs import Run
from miyabi.sessions import Outcome, SessionResult, SessionSpec
from miyabi.text import redact


class KnownState(Enum):
    """What is known of the session where something goes wrong: each step of an attempt says it before it begins."""

    NOTHING = "nothing"  # it was not started
    ASKED = "asked"  # it may have been started, it may run
    SEEN = "seen"  # it was started, it may run
    MOVED = "moved"  # it may run where the machine of that name was before
    GONE = "gone"  # it was started, and the machine knows nothing of it any more
    OVER = "over"  # it has ended

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing on the machine to go on with."""
        return self in {KnownState.NOTHING, KnownState.GONE}

    @property
    def is_seen(self) -> bool:
        """Whether the machine has, or had, the session."""
        return self in {KnownState.SEEN, KnownState.OVER}


def inconclusive_result(
    known_state: KnownState,
    error: MiyabiError,
    *,
    live: Run,
    spec: SessionSpec,
    machine: Machine,
    start: datetime,
    reason: str,
    transcript: Transcript,
) -> SessionResult:
    """Makes the result where something went wrong while the session stood so; what it has said so far counts."""
    outcome = _outcome(known_state, away=error.transient and isinstance(error, MachineError))
    result = live.no_session(
        spec.task,
        attempt=spec.attempt,
        outcome=outcome,
        error=error,
        machine=machine.name,
        placement_reason=reason,
        start=start,
    )
    result = result.model_copy(update={"fix_ups": spec.fix_ups})
    if known_state.is_settled:
        return result
    spend = transcript.spending.spent(live.costs.before(spec.resumes))
    known = {
        "session_id": transcript.session_id,
        "turns": transcript.turns,
        "usage": spend.usage,
        "cost_usd": spend.usd,
        "cost_is_partial": True,  # it may have gone on
        "total_usd": spend.total_usd,
    }
    if outcome is Outcome.NOT_COLLECTED:
        known["error_text"] = redact(f"{error} {_where_it_is(known_state, spec, machine)}")
    return result.model_copy(update=known)


def _outcome(known_state: KnownState, *, away: bool) -> Outcome:
    match known_state:
        case KnownState.NOTHING:
            return Outcome.MACHINE_LOST if away else Outcome.NOT_STARTED
        case KnownState.ASKED | KnownState.SEEN:
            return Outcome.MACHINE_LOST if away else Outcome.NOT_COLLECTED
        case KnownState.GONE:
            return Outcome.MACHINE_LOST
        case KnownState.OVER | KnownState.MOVED:
            return Outcome.NOT_COLLECTED


def _where_it_is(known_state: KnownState, spec: SessionSpec, machine: Machine) -> str:
    if known_state is KnownState.MOVED:
        return f"Set that back, then: miyabi orchestrate --run {spec.run}"
    what = "work is" if known_state is KnownState.OVER else "session may still run, with its work"
    where = f"{machine.workspace}/{spec.paths.checkout} on {machine.name}"
    return f"Its {what} in {where}; once that is mended: miyabi orchestrate --run {spec.run}"
