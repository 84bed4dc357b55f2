"""What a task that waits for its next slot goes on with, and how long it waits at most."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from miyabi.attempts import Next
from miyabi.errors import NotAdmitted
from miyabi.machines import Machine
from miyabi.quota import Figure
from miyabi.runs.cordons import DRAINED
from miyabi.sessions import Outcome
from tasks.run_session import TaskRun
from tests.support.values.results import result
from tests.support.values.runs import Workshop, workshop  # noqa: F401 - a fixture


@dataclass
class _Slot:
    """A slot on a machine; whoever asks for another one gets it on the next."""

    machine: Machine
    other: Machine
    is_account_held: bool = False
    asked: list[bool] = field(default_factory=list)

    async def requeue(self, _: float, *, stay: bool = False) -> Machine:
        """Notes whether it was to stay, and goes to the next."""
        self.asked.append(stay)
        self.machine = self.other
        return self.other


async def _task_run(workshop: Workshop, **node: Any) -> tuple[TaskRun, _Slot]:
    machines = workshop.machine(), workshop.machine("m2")
    live = await workshop.run(*machines, rehearse=True, **node)
    slot = _Slot(*machines)
    return TaskRun(live, live.dag.by_id["a"], cast("Any", slot)), slot


async def test_a_conversation_stays_where_it_is(workshop: Workshop) -> None:
    """Who had to leave its machine, which was cordoned while it waited, begins a new conversation on the next."""
    task, slot = await _task_run(workshop)
    task._resumes = "c"
    await task._again(time.time())
    assert (slot.asked, task._resumes) == ([True], None)


async def test_who_left_a_drained_machine_may_come_back(workshop: Workshop) -> None:
    """It asks for any slot: the machine may take sessions again long before another has a slot for it."""
    task, slot = await _task_run(workshop)
    ended = result("a", Outcome.STOPPED, run="r1", machine="m1", error_kind=DRAINED)
    await task._make_ready(Next.ELSEWHERE, ended)
    assert (slot.asked, task._resumes) == ([False], None)


@pytest.mark.parametrize(("hours", "is_known", "waits"), [(1, False, 3600), (1, True, 0), (200, True, 0)])
async def test_how_long_an_account_is_waited_for(workshop: Workshop, hours: int, *, is_known: bool, waits: int) -> None:
    """What slots do not know of is waited for here: asking for one again and again would get one each time."""
    task, slot = await _task_run(workshop, model="opus")
    slot.is_account_held, ends = is_known, time.time() + 3600 * hours
    limit = Figure(window="seven_day_opus", status="rejected", resets_at=ends, seen_at=time.time(), no_margin=True)
    task._live.quota.book.note("", [limit])
    assert task._account_opens() - time.time() == pytest.approx(waits, abs=30)


async def test_an_account_is_not_waited_for_without_end(workshop: Workshop) -> None:
    """A review whose model is limited for days does not keep its run from ending."""
    task, _ = await _task_run(workshop, model="opus")
    ends = time.time() + 5 * 86400
    limit = Figure(window="seven_day_opus", status="rejected", resets_at=ends, seen_at=time.time(), no_margin=True)
    task._live.quota.book.note("", [limit])
    with pytest.raises(NotAdmitted, match="quota: the weekly limit of opus"):
        task._account_opens()
