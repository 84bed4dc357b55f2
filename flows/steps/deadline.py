"""A run is to be over by an hour: what may start until then, and the end of its sessions. Only wires."""

from __future__ import annotations

import asyncio
import time

from prefect.logging import get_run_logger

from miyabi.attempts import keep_ending
from miyabi.runs import Run
from miyabi.system import LOOK_SECONDS, wait_until
from tasks.runner import FleetTaskRunner


def why_not(live: Run, task: str) -> str | None:
    """Says why no session of the task is to start now, None where one may; one that runs may always be joined."""
    is_begun = task in live.resume.ended or live.resume.continuation(task) is not None
    reason = live.deadline.why_not(live.dag.by_id[task], is_begun=is_begun, now=time.time())
    return reason if reason and not live.resume.pending(task) else None


def seconds(live: Run, task: str) -> float | None:
    """Says how long a session of the task is likely to take; None where one is to be joined."""
    return None if live.resume.pending(task) else live.deadline.expected(live.dag.by_id[task]).seconds


async def end_in_time(live: Run, runner: FleetTaskRunner) -> None:
    """Sees that sessions end with the hours of their machine, and all of them in time where the run has an hour."""
    await asyncio.gather(_end_with_hours(live), _end_by_the_hour(live, runner))


async def _end_with_hours(live: Run) -> None:
    if any(machine.active_hours for machine in live.fleet()):
        await keep_ending(live, concerns=lambda record: _is_off(live, record.machine), every_seconds=LOOK_SECONDS)


def _is_off(live: Run, machine: str) -> bool:
    return machine in live.machines and not live.machines[machine].is_active(time.time())


async def _end_by_the_hour(live: Run, runner: FleetTaskRunner) -> None:
    deadline = live.deadline
    if not deadline.is_set:
        return
    get_run_logger().info("%s", deadline.sentence(time.time()))
    await wait_until(deadline.stop_at)
    get_run_logger().warning("It is time: sessions are told to end, and nothing more is started")
    runner.ask_again()
    await keep_ending(live)
