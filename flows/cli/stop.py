"""`miyabi stop`: the sessions of a run, or of one task, end, and their work is collected."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import click

from flows.cli.by_hand import folder_of, note_results, opened_run, show_result
from flows.cli.completing import complete_task
from flows.cli.exit_code import ExitCode
from flows.cli.options import config_option, repository_option, run_argument
from flows.cli.prepare import reach_server
from flows.cli.summary import show_end
from miyabi.attempts import recover_abandoned, stop_session, stop_sessions
from miyabi.dag import Dag
from miyabi.errors import BadInput, MiyabiError, SettingsError
from miyabi.runs import AttemptRecord, Board, RunFolder, TaskProgress, not_collected
from miyabi.sessions import SessionResult

_POLL_SECONDS = 0.2
_OWN_END_SECONDS = 5.0
"""So long an orchestrator that has given the run back may take to say to Prefect how it ended."""
_BY_HAND_SECONDS = 5.0
"""So long whoever was attached may take to collect the work."""


@click.command(help="Stop a run, or the session of one task, and collect the work.")
@run_argument
@click.argument("task", required=False, shell_complete=complete_task)
@repository_option
@config_option
def stop(*, run: str, task: str | None, repository: Path, config: Path | None) -> ExitCode:
    """End the sessions and wait until their work is here; exit code 1 where some of it is not.

    An orchestrator that works on the run is ended too, as by Ctrl-C or by Cancel in Prefect's page; where one task is
    named it goes on with the others, and does not try that one again.

    Raises:
        BadInput: no such run or task, or the task has no session that could be stopped.
        MachineError: the task's machine does not answer, or is not where it was.
    """
    folder = folder_of(repository, run, config=config, task=task, needs_settings=False)
    is_followed = task is not None and folder.is_being_worked_on
    if task is not None and is_followed:
        _stop_followed(folder, task, config=config)
        if folder.is_being_worked_on:
            return ExitCode.SUCCEEDED
    with folder.stop_lock():  # who comes second would interrupt the first, or the orchestrator once more
        return _stop_rest(folder, task, was_led=is_followed, config=config)


def _stop_rest(folder: RunFolder, task: str | None, *, was_led: bool, config: Path | None) -> ExitCode:
    """Ends the orchestrator, unless it is for one task, and collects what none does; `was_led`: it has ended."""
    if task is None and folder.is_being_worked_on:
        _stop_orchestrator(folder)
        was_led = True
    try:
        results, faults = asyncio.run(_stop_left(folder, task, config=config))
    except SettingsError:
        if not_collected(folder):
            raise
        results, faults = (), ()  # the machines need not be asked
    if task is None:
        _end_in_prefect(folder, patience_seconds=_OWN_END_SECONDS if was_led else 0)
    if was_led:
        show_end(folder)
    elif not results and not faults:
        click.echo(f"run {folder.run}: nothing of it runs")
    for result in results:
        show_result(result)
    left = () if task else tuple(f"not collected: {each}" for each in not_collected(folder))
    for fault in faults or left:
        click.echo(fault, err=True)
    if was_led or results or faults or left:
        click.echo(f"to go on    miyabi orchestrate --run {folder.run}")
    return ExitCode.FAILED if faults or left else ExitCode.SUCCEEDED


def _stop_orchestrator(folder: RunFolder) -> None:
    """Ends the orchestrator as its page in Prefect would, else as Ctrl-C does, and waits for its end."""
    pid = folder.holder
    click.echo(f"run {folder.run}: stopping; its sessions end, and their work is collected (orchestrator: pid {pid})")
    if not _cancelled_in_prefect(folder) and pid:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT)
    while folder.is_being_worked_on:
        time.sleep(_POLL_SECONDS)


def _cancelled_in_prefect(folder: RunFolder) -> bool:
    try:
        if not reach_server():
            return False
        from tasks.prefect_server import cancel_flow_runs  # noqa: PLC0415 - Prefect is imported once its settings stand

        return asyncio.run(cancel_flow_runs(folder.run, repository=str(folder.repository))) > 0
    except MiyabiError:  # it is ended without it then
        return False


def _end_in_prefect(folder: RunFolder, *, patience_seconds: float) -> None:
    """Ends the run's flow runs whose process has gone, where there is a server; an orchestrator ends its own."""
    with suppress(MiyabiError), folder.lock():
        if reach_server():
            from tasks.prefect_server import end_flow_runs  # noqa: PLC0415 - as above

            asyncio.run(end_flow_runs(folder.run, repository=str(folder.repository), patience_seconds=patience_seconds))


def _stop_followed(folder: RunFolder, task: str, *, config: Path | None) -> None:
    """Ends the session of a task, or its wait for the next one; waits until its orchestrator has seen that."""
    attempts = folder.attempts(task)
    files = attempts[max(attempts)] if attempts else None
    record = AttemptRecord.pending(files) if files else None
    is_over = bool(_row(folder, task).outcome)
    if files is None or AttemptRecord.known(files) is None or (record is None and is_over):
        advice = "" if is_over else f" To stop the whole run: miyabi stop {folder.run}"
        raise BadInput(f"run {folder.run}: task {task} has no session to stop: it is {_status(folder, task)}.{advice}")
    AttemptRecord.note_stop(files)
    if record is None:
        click.echo(f"{task}: no other attempt is begun")
        _await_end(folder, task, attempt=max(attempts), config=config)
        return
    asyncio.run(_end(folder, task, max(attempts), record, config=config))
    until = time.monotonic() + (_BY_HAND_SECONDS if record.by_hand else math.inf)
    while folder.is_being_worked_on and AttemptRecord.pending(files) and time.monotonic() < until:
        time.sleep(_POLL_SECONDS)
    if record.by_hand and AttemptRecord.pending(files):  # who was attached has gone, and no orchestrator knows of it
        asyncio.run(_collect(folder, task, config=config))
    if result := folder.latest_results().get(task):
        show_result(result)


def _await_end(folder: RunFolder, task: str, *, attempt: int, config: Path | None) -> None:
    """Waits until a task between two attempts is over; an attempt that was begun at that moment is ended too.

    Whether a resolution or a review is over already no board says: it would have heard by then.
    """
    until = time.monotonic() + (math.inf if task in Dag.load(folder.dag_file).by_id else _OWN_END_SECONDS)
    while folder.is_being_worked_on and not _row(folder, task).outcome and time.monotonic() < until:
        if max(folder.attempts(task)) > attempt:
            _stop_followed(folder, task, config=config)
            return
        time.sleep(_POLL_SECONDS)
    if result := folder.latest_results().get(task):
        show_result(result)


async def _end(folder: RunFolder, task: str, attempt: int, record: AttemptRecord, *, config: Path | None) -> None:
    async with opened_run(folder, config=config) as live:
        await stop_session(live, task, attempt, record)


async def _collect(folder: RunFolder, task: str, *, config: Path | None) -> None:
    async with opened_run(folder, config=config) as live:
        await stop_sessions(live, (task,))


def _row(folder: RunFolder, task: str) -> TaskProgress:
    """Where the task is, as the orchestrator's board says it; as one that waits where that is not known."""
    board = Board.read(folder.status_file)
    rows = {row.task: row for row in board.rows} if board else {}
    return rows.get(task) or TaskProgress(task=task)


def _status(folder: RunFolder, task: str) -> str:
    return _row(folder, task).status(time.time())


async def _stop_left(
    folder: RunFolder, task: str | None, *, config: Path | None
) -> tuple[tuple[SessionResult, ...], tuple[str, ...]]:
    """Ends and collects what no orchestrator does any more; returns what `stop_sessions` does."""
    with folder.lock():
        async with opened_run(folder, config=config) as live:
            results, faults = await stop_sessions(live, (task,) if task else ())
            if task is None:
                await recover_abandoned(live)
            if results or live.warnings:
                note_results(live)
    return results, faults
