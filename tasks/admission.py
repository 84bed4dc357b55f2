"""Whether a task may begin another session, and how it ends where it may not."""

from __future__ import annotations

from dataclasses import dataclass

from miyabi.dag import Node
from miyabi.errors import BudgetSpent, LedgerUnusable, MiyabiError, NotAdmitted
from miyabi.runs import GOES_ON, Run, spent_all
from miyabi.sessions import Outcome, SessionResult
from tasks.runner import Refused, Slot


@dataclass(frozen=True, slots=True)
class Admission:
    """What is asked for one task just before a start, in its slot."""

    live: Run
    node: Node
    slot: Slot

    async def require(self, *, fix_ups: int) -> bool:
        """Checks that a session may begin, of the `fix_ups`-th round; one that is to be joined always may.

        Where an account alone is held back, the task goes to a machine of another.

        Returns:
            Whether it went to another machine.

        Raises:
            NotAdmitted: none may begin for now; says why.
            BudgetSpent: nothing is left of the task's own budget.
            LedgerUnusable: as `Costs.why_not`.
            MiyabiError: as `Slot.move`.
        """
        live, task, held = self.live, self.node.id, frozenset[str]()
        if live.resume.pending(task):
            return False
        while row := live.costs.why_not(task, machine=self.slot.machine.name):
            here = self.slot.machine
            is_known = here.name in held
            held |= {each.name for each in self.slot.machines if set(each.logins) <= set(here.logins)}
            if row.scope != "day" or is_known or len(held) == len(self.slot.machines):
                raise (BudgetSpent if row.scope == "task" else NotAdmitted)(f"budget: {row.sentence}")
            await self.slot.move(avoid=held)
        spent = live.costs.spent_on(task, fix_ups=fix_ups)
        if reason := spent_all(self.node, live.settings.sessions, spent_usd=spent):
            raise BudgetSpent(reason)
        return bool(held)

    def result(self, reason: MiyabiError, *, fix_ups: int) -> SessionResult:
        """Returns, and keeps, the result of a task that may begin no session: its last one, or one that says why.

        Work that an attempt left amid its way ends for want of a budget; for want of time it ends as it had, and what
        was stopped does where it was others that used up the budget: its conversation can go on another time.
        """
        live, last = self.live, self.live.results.get(self.node.id)
        if isinstance(reason, LedgerUnusable):
            reason = NotAdmitted(f"budget: {reason}")
        if last is None or not last.was_begun:
            error = NotAdmitted(str(reason))
            result = live.no_session(self.node.id, outcome=Outcome.NOT_STARTED, error=error)
            result = result.model_copy(update={"fix_ups": fix_ups})
        elif _is_cut_short(last, reason, fix_ups=fix_ups):
            result = self._without_budget(last, reason, fix_ups=fix_ups)
        else:
            live.warn(f"{self.node.id} was not tried again: {reason}")
            result = last  # which is how the task ends in this orchestrator too
        live.keep(result)
        return result

    def _without_budget(self, last: SessionResult, reason: MiyabiError, *, fix_ups: int) -> SessionResult:
        outcome = Outcome.BUDGET_EXCEEDED
        so_far = self.live.no_session(self.node.id, outcome=outcome, error=reason, machine=last.machine)
        names = ("branch", "base", "head", "changes", "strays", "submodules", "left_there")
        return so_far.model_copy(update={name: getattr(last, name) for name in names} | {"fix_ups": fix_ups})


def _is_cut_short(last: SessionResult, reason: MiyabiError, *, fix_ups: int) -> bool:
    """Whether a budget ends what would have gone on from that attempt."""
    if isinstance(reason, BudgetSpent):
        return last.outcome in GOES_ON or fix_ups > last.fix_ups
    return last.outcome in GOES_ON - {Outcome.STOPPED} and not isinstance(reason, Refused)
