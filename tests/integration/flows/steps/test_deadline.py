"""What an earlier orchestrator had begun, where the next one may not go on with it, or not for long."""

from __future__ import annotations

import time

from flows.steps.deadline import why_not
from miyabi.runs import Deadline
from miyabi.sessions import Outcome
from tests.support.values.results import result
from tests.support.values.runs import Workshop, workshop  # noqa: F401 - a fixture


async def test_what_was_begun_is_not_lost_for_want_of_time(workshop: Workshop) -> None:
    """It goes on where its usual time is not left; when it is too late it ends as it had, and goes on another time."""
    first = await workshop.run()
    first.keep(result("a", Outcome.STOPPED, run="r1", machine="m1", session_id="c"))
    late, now = await workshop.run(), time.time()
    late.deadline = Deadline(until=now + 600, stop_at=now + 60)
    reasons = [why_not(late, "a")]
    late.deadline = Deadline(until=now + 600, stop_at=now)
    reasons.append(why_not(late, "a"))
    late.note_end("a", state="NotStarted", message=reasons[-1])
    another = await workshop.run()
    begun = another.resume.continuation("a")
    assert reasons[0] is None
    assert reasons[1]
    assert late.warnings == [f"a was not tried again: {reasons[1]}"]
    assert begun
    assert (begun.machine, begun.conversation, another.resume.attempts("a")) == ("m1", "c", 1)
