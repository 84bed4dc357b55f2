"""How a live run and the task runner meet. Only wires: what is decided is decided in `miyabi`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from prefect.futures import PrefectFuture, wait
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from flows.steps.artifacts import ProgressArtifact
from flows.steps.deadline import end_in_time, is_held, note_cordons, seconds, why_not
from flows.steps.fleet import keep_fleet_artifact
from flows.steps.room import with_room
from miyabi.attempts import abandon_ahead, recover_abandoned, set_up_ahead
from miyabi.errors import BadInput, DiskFull, MachineError
from miyabi.machines import Machine
from miyabi.notify import machine_gone
from miyabi.runs import Run, preflight, record_machines
from miyabi.sessions import live_sessions
from tasks.events import end_events, events_of
from tasks.notifications import tell
from tasks.prefect_server import mark_crashed_flow_runs, retry_briefly, watch_for_cancellation
from tasks.quota import keep_quota, read_quota
from tasks.run_session import run_session
from tasks.runner import FleetTaskRunner, ended

STATUS_SECONDS = 0.5
GOODBYE_SECONDS = 22.0  # with what comes after it less than the 30 s that a Prefect worker gives

Futures = Mapping[str, PrefectFuture[Any]]


def equip(live: Run, runner: FleetTaskRunner) -> None:
    """Gives the runner the machines that can take sessions, and has it write how far the run is every 0.5 s.

    From then on a cancellation in Prefect cancels the run too.

    Raises:
        BadInput: no machine can take a session; says why for each.
        ServerError: the slots' limits cannot be made.
        DiskFull: which machines the run has cannot be written.
    """
    try:
        unfit = runner.call(preflight(live))
        taken_out = _equip(live, runner)
    except BadInput:
        live.folder.discard_unless_used()
        raise
    with_room(lambda: record_machines(live), patience_seconds=live.outages.patience_seconds)
    _say_unused(live, unfit, taken_out=taken_out)
    if live.board.note:
        get_run_logger().warning("%s", live.board.note)
    runner.call(read_quota(live))
    runner.spawn(keep_quota(live, on_closing=runner.ask_again))
    runner.spawn(_write_status(live))
    own, repository = UUID(str(flow_run.id)), str(live.repository.root)
    runner.spawn(mark_crashed_flow_runs(live.run, repository=repository, own=own))
    for name in filter(None, (flow_run.id, flow_run.parent_flow_run_id)):
        runner.spawn(watch_for_cancellation(UUID(str(name)), cancel=runner.cancel_all))


def _say_unused(live: Run, unfit: Sequence[MachineError], *, taken_out: Sequence[MachineError]) -> None:
    """Says which machines get nothing; to people where that is no person's wish."""
    for error in (*unfit, *taken_out):
        get_run_logger().warning("not used: %s", error)
        events_of(live).machine_down(error.machine, str(error))
    for error in unfit:
        message = machine_gone(live.run, machine=error.machine or "a machine", why=str(error))
        tell(live.folder, live.settings.notify, message)


def _equip(live: Run, runner: FleetTaskRunner) -> tuple[MachineError, ...]:
    settings, dag = live.settings.runs, live.dag
    out = runner.equip(
        live.fleet(),
        strategy=settings.strategy,
        order=lambda parameters: (live.resume.pending(parameters["task_id"]) is None, dag.rank[parameters["task_id"]]),
        requires=lambda parameters: live.resume.requires(parameters["task_id"]),
        why_not=lambda parameters: why_not(live, parameters["task_id"]),
        seconds=lambda parameters: seconds(live, parameters["task_id"]),
        is_held=lambda parameters, machine: is_held(live, parameters["task_id"], machine),
        prepare=lambda machine, parameters: live.worktrees.prepare(machine, dag.by_id[parameters["task_id"]]),
        set_up=lambda machine, parameters: set_up_ahead(live, machine, parameters["task_id"]),
        abandon=lambda machine, parameters: abandon_ahead(live, machine, parameters["task_id"]),
        sessions=lambda machine: count_sessions(live, machine),
        cordons=lambda found: note_cordons(live, found),
        lease_file=live.folder.leases_file,
        patience_seconds=60 * settings.server_patience_minutes,
    )
    if out:
        live.leave_out({error.machine: error for error in out})
    return out


def submit_all(live: Run) -> Futures:
    """Submits each task that is still to be done and can be; each waits for those it depends on.

    Sessions that an earlier orchestrator left come first: what they have spent has to be known before others begin.

    Returns:
        The future of each of them, by its id.
    """
    futures: dict[str, PrefectFuture[Any]] = {}
    startable = dict.fromkeys(live.startable())
    events_of(live).started(tasks=len(startable))
    waiting = {task for task in startable if any(each in startable for each in live.dag.dependencies(task))}
    for task in sorted(startable, key=lambda task: task in waiting or live.resume.pending(task) is None):
        upstream = [futures[u] for u in live.dag.dependencies(task) if u in futures]
        futures[task] = run_session.submit(task, wait_for=upstream, return_state=False)
    for task, reason in live.unplaced.items():
        get_run_logger().warning("%s: not started: %s", task, reason)
    return futures


def see_through(live: Run, runner: FleetTaskRunner, futures: Futures) -> None:
    """Waits for every task, and ends the run.

    When interrupted it cancels them, and gives them 22 s to stop their sessions and collect the work.

    Raises:
        DiskFull: what became of the run could not be written.
        BadInput: the run folder is damaged.
        KeyboardInterrupt: somebody interrupted it.
    """
    progress, is_interrupted = ProgressArtifact(live), True
    runner.spawn(progress.keep())
    runner.spawn(keep_fleet_artifact(live))
    runner.spawn(end_in_time(live, runner))
    try:
        wait(list(futures.values()))
        runner.call(recover_abandoned(live))
        is_interrupted = False
    except BaseException:
        retry_briefly()
        runner.cancel_all("The run was interrupted.")
        wait(list(futures.values()), timeout=GOODBYE_SECONDS)
        raise
    finally:
        for task, future in futures.items():
            state = ended(future)
            live.note_end(task, state=state.name if state else None, message=state.message if state else None)
        try:
            _end(live, is_interrupted=is_interrupted)
        finally:
            end_events(live, is_cut_short=is_interrupted or bool(runner.cancelled))
            runner.call(progress.show())
            runner.call(live.close())


def _end(live: Run, *, is_interrupted: bool) -> None:
    """Ends the run; one that was interrupted is not kept waiting for room, and ends as interrupted all the same."""
    with suppress(DiskFull):
        live.quota.keep(live.folder)
    if not is_interrupted:
        with_room(live.end, patience_seconds=live.outages.patience_seconds)
        return
    try:
        live.end()
    except DiskFull as error:
        get_run_logger().error("%s", error)


async def count_sessions(live: Run, machine: Machine) -> int:
    """Counts the sessions that live on a machine, whoever started them.

    Raises:
        MachineError: as `Host.run`.
    """
    return len(await live_sessions(live.host(machine), workspace=machine.workspace))


async def _write_status(live: Run) -> None:
    while True:
        with suppress(OSError):  # a disk that is full now may have room again
            live.write_late()
            live.costs.flush()
            live.board.write(live.folder.status_file)
        await asyncio.sleep(STATUS_SECONDS)
