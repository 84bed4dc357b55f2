"""What a task makes of the health of its machine: when to leave that alone, and what its trial costs."""

from __future__ import annotations

import time
from dataclasses import dataclass

from miyabi.attempts import Next, is_sick
from miyabi.claude import EXTRA_USAGE
from miyabi.errors import MachineError
from miyabi.runs import MOVES_ON, Run
from miyabi.sessions import Outcome, SessionResult
from tasks.runner import Slot
from tasks.telling import Telling
from tasks.usage_limit import AccountLimit

MACHINE_AWAY_SECONDS = 15.0


@dataclass(slots=True)
class Quarantine:
    """Keeps sessions from machines that are sick, as the attempts of one task find them.

    A machine on which a session failed as any other would is left alone for a while, then tried with one session: that
    one is the machine's trial and not the task's attempt.
    """

    live: Run
    slot: Slot
    limit: AccountLimit
    telling: Telling
    _is_trial: bool = False

    def begin(self) -> None:
        """Notes that an attempt begins in the slot."""
        self._is_trial = self.slot.is_on_trial

    def failed_trial(self, result: SessionResult) -> bool:
        """Returns whether it was the trial of a machine that is sick still."""
        return self._is_trial and bool(result.machine) and is_sick(result)

    def burns(self, result: SessionResult) -> bool:
        """Returns whether the attempt counts as one of the task's."""
        return result.error_kind not in MOVES_ON and not self.failed_trial(result)

    def note(self, result: SessionResult, step: Next) -> None:
        """Keeps further sessions from a machine, or an account, where they would meet the same."""
        reason = result.error_text or "; ".join(result.notes)
        if result.error_kind == EXTRA_USAGE.kind:
            self.live.warn(f"{result.task}: {reason}")
        if result.machine and step is not Next.WAIT and is_sick(result):
            if result.writes_lost and not self.slot.can_move:  # there may be room again, and there is nowhere else
                self.slot.close_machine(time.time() + MACHINE_AWAY_SECONDS)
                return
            error = MachineError(f"nothing more is sent to {result.machine} for a while: {reason}")
            self.live.warn(str(error))
            self.slot.exclude(error, is_tried_again=True)
            self.telling.machine_gone(result, reason)
        elif result.outcome is Outcome.USAGE_LIMIT and step is Next.FINISH:
            error = MachineError(f"nothing more is sent to {result.machine}: {reason}")
            self.live.warn(str(error))
            self.limit.exclude(error)
            if result.resets_at:
                self.telling.quota_closed(self.limit.account, result.resets_at.timestamp())
