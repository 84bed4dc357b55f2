"""What may start, and the end of sessions: by the hour of a run, and of machines that are taken out. Only wires."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from prefect.logging import get_run_logger

from miyabi.attempts import keep_ending
from miyabi.machines import Cordon, Machine
from miyabi.runs import Run, models_of
from miyabi.system import LOOK_SECONDS, wait_until
from tasks.runner import FleetTaskRunner


def why_not(live: Run, task: str) -> str | None:
    """Says why no session of the task is to start now, None where one may; one that runs may always be joined."""
    is_begun = task in live.resume.ended or live.resume.continuation(task) is not None
    reason = live.deadline.why_not(live.dag.by_id[task], is_begun=is_begun, now=time.time())
    return (reason or _out_of_quota(live, task) or None) if not live.resume.pending(task) else None


def _out_of_quota(live: Run, task: str) -> str:
    """Why its accounts take it neither before the run's hour nor as long as a limit's end is waited for."""
    by = min(time.time() + 3600 * live.settings.runs.limit_patience_hours, live.deadline.stop_at)
    requires = set(live.resume.requires(task))
    able = [machine for machine in live.fleet() if requires <= machine.offers]
    model, fallback = models_of(live.dag.by_id[task], live.settings.sessions)
    return live.quota.why_never(able, model=model, fallback=fallback, by=by)


def is_held(live: Run, task: str, machine: Machine) -> bool:
    """Returns whether the machine's accounts take no session of the task for now; one that runs may be joined."""
    models, account = models_of(live.dag.by_id[task], live.settings.sessions), live.quota.pinned(task, machine)
    return (
        not live.resume.pending(task) and live.quota.hold_unless_instead(machine, *models, account=account) is not None
    )


def seconds(live: Run, task: str) -> float | None:
    """Says how long a session of the task is likely to take; None where one is to be joined."""
    return None if live.resume.pending(task) else live.deadline.expected(live.dag.by_id[task]).seconds


def note_cordons(live: Run, found: Mapping[str, Cordon]) -> None:
    """Takes which machines somebody has taken out for a while, as the server says now, and shows them."""
    live.cordons.note(found)
    if live.board.show_machines(words := live.cordons.words(live.fleet())):
        get_run_logger().warning("%s", words or "All machines take sessions again.")


async def end_in_time(live: Run, runner: FleetTaskRunner) -> None:
    """Sees that sessions end with the hours of their machine, where that is drained, and all by the run's hour."""
    await asyncio.gather(_end_with_hours(live), _end_drained(live), _end_by_the_hour(live, runner))


async def _end_drained(live: Run) -> None:
    cordons = live.cordons
    await keep_ending(live, concerns=lambda r: cordons.empties(r.machine), is_due=lambda: cordons.empties_any)


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
