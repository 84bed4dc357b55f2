"""A flow around a test: what `body` does runs as a flow with a FleetTaskRunner that has the machines."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import TaskRun

from miyabi.machines import Machine
from tasks.runner import FleetTaskRunner, current_runner

T = TypeVar("T")


def fleet(*slots: int, labels: tuple[str, ...] = ()) -> list[Machine]:
    """Machines `a-…`, `b-…` with these slots, whose names no other test has."""
    unique = uuid.uuid4().hex[:8]
    names = "abcdefghij"
    return [Machine(name=f"{names[i]}-{unique}", slots=count, labels=labels) for i, count in enumerate(slots)]


def in_flow(body: Callable[[FleetTaskRunner], T], machines: list[Machine] | None = None, **equipment: Any) -> T:
    """What `body` returns, called in a flow with its runner."""
    answer: list[T] = []

    @flow(name="test", task_runner=FleetTaskRunner())
    def test_flow() -> None:
        runner = current_runner()
        if machines:
            runner.equip(machines, **equipment)
        answer.append(body(runner))

    test_flow()
    return answer[0]


def task_runs(flow_run_id: str, *, count: int) -> list[TaskRun]:
    """The flow run's ended task runs by start, as the API has them, once there are `count`: events arrive later."""
    wanted = FlowRunFilter(id={"any_": [flow_run_id]})
    deadline = time.monotonic() + 120
    with get_client(sync_client=True) as client:
        while True:
            runs = [r for r in client.read_task_runs(flow_run_filter=wanted) if r.state and r.state.is_final()]
            if len(runs) >= count or time.monotonic() > deadline:
                return sorted(runs, key=lambda run: run.expected_start_time or run.created)
            time.sleep(0.2)
