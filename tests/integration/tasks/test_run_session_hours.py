"""What comes after a session that ended with its machine's hours."""

from __future__ import annotations

from typing import Any, cast
from uuid import uuid4

from miyabi.attempts import Next
from miyabi.runs.deadline import ACTIVE_HOURS
from miyabi.sessions import Outcome
from tasks.concurrency import Lease
from tasks.run_session import TaskRun
from tasks.runner import Slot
from tasks.runner.dispatcher import Dispatcher
from tasks.runner.slot_request import Grant, SlotRequest
from tests.support.values.results import result
from tests.support.values.runs import Workshop, workshop  # noqa: F401 - a fixture

NO_LEASES = cast("Any", None)


async def test_what_was_joined_goes_on_elsewhere_too(workshop: Workshop) -> None:
    """A session of an earlier orchestrator does not wait for the hours of its machine where another one is open."""
    here, other = workshop.machine(), workshop.machine("m2")
    await workshop.left(await workshop.attempt(await workshop.run(here, other)))
    live = await workshop.run(here, other)
    lease = Lease(machine=here, holder=uuid4(), id=None)
    request = SlotRequest(task=lease.holder, parameters={})
    slot = Slot(Dispatcher([here, other], leases=NO_LEASES), lambda: request, Grant(lease=lease, reason=""))
    joined = TaskRun(live, live.dag.by_id["a"], slot)
    ended = result("a", Outcome.STOPPED, run="r1", machine="m1", error_kind=ACTIVE_HOURS)
    assert joined._next(ended) is Next.ELSEWHERE
    workshop.open_gate()
