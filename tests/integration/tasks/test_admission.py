"""How a task ends that may begin no other session."""

from __future__ import annotations

from typing import Any, cast

from miyabi.errors import NotAdmitted
from miyabi.sessions import Outcome
from tasks.admission import Admission
from tests.support.values.results import result
from tests.support.values.runs import Workshop, workshop  # noqa: F401 - a fixture

HELD_BACK = NotAdmitted("budget: 1.00 of 1.00 USD of the run are spent")
NO_SLOT = cast("Any", None)
"""None is asked for how a task ends."""


async def test_work_is_not_lost_to_one_budget_after_another(workshop: Workshop) -> None:
    """Who was held back amid its way, and is again by the next orchestrator, has its branch still."""
    ends = [result("a", Outcome.KILLED, run="r1", machine="m1", attempt=1)]
    (await workshop.run()).keep(ends[0])
    for _ in range(2):
        live = await workshop.run()
        ends.append(Admission(live, live.dag.by_id["a"], NO_SLOT).result(HELD_BACK, fix_ups=0))
    assert [end.outcome for end in ends[1:]] == [Outcome.BUDGET_EXCEEDED] * 2
    assert {(end.branch, end.head) for end in ends} == {(ends[0].branch, ends[0].head)}
    assert live.warnings == [f"a was not tried again: {HELD_BACK}"]


async def test_a_conversation_that_was_stopped_is_not_lost_to_a_budget(workshop: Workshop) -> None:
    """It ends as stopped once more, and the next orchestrator goes on with it."""
    (await workshop.run()).keep(stopped := result("a", Outcome.STOPPED, run="r1", machine="m1", session_id="c"))
    live = await workshop.run()
    end = Admission(live, live.dag.by_id["a"], NO_SLOT).result(HELD_BACK, fix_ups=0)
    begun = (await workshop.run()).resume.continuation("a")
    assert (end, begun and begun.conversation) == (stopped, "c")
