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
from flows.cli.exit_code import ExitCode
from flows.cli.options import config_option, repository_option
from flows.cli.prepare import reach_server
from flows.cli.summary import show_end
from miyabi.attempts import recover_abandoned, stop_session, stop_sessions
from miyabi.errors import BadInput, MiyabiError
from miyabi.runs import AttemptRecord, Board, RunFolder, not_collected
from miyabi.sessions import SessionResult

_POLL_SECONDS = 0.2
_BY_HAND_SECONDS = 5.0
"""So long whoever was attached may take to collect the work."""


@click.command(help="Stop a run, or the session of one task, and collect the work.")
@click.argument("run")
@click.argument("task", required=False)
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
    folder = folder_of(repository, run, config=config, task=task)
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
    results, faults = asyncio.run(_stop_left(folder, task, config=config))
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


def _stop_followed(folder: RunFolder, task: str, *, config: Path | None) -> None:
    """Ends the session of a task for the orchestrator to collect; waits until it has, or has ended."""
    attempts = folder.attempts(task)
    files = attempts[max(attempts)] if attempts else None
    record = AttemptRecord.pending(files) if files else None
    if files is None or record is None:
        raise BadInput(f"run {folder.run}: task {task} has no session to stop: it is {_status(folder, task)}.")
    AttemptRecord.note_stop(files)
    asyncio.run(_end(folder, task, max(attempts), record, config=config))
    until = time.monotonic() + (_BY_HAND_SECONDS if record.by_hand else math.inf)
    while folder.is_being_worked_on and AttemptRecord.pending(files) and time.monotonic() < until:
        time.sleep(_POLL_SECONDS)
    if record.by_hand and AttemptRecord.pending(files):  # who was attached has gone, and no orchestrator knows of it
        asyncio.run(_collect(folder, task, config=config))
    if result := folder.latest_results().get(task):
        show_result(result)


async def _end(folder: RunFolder, task: str, attempt: int, record: AttemptRecord, *, config: Path | None) -> None:
    async with opened_run(folder, config=config) as live:
        await stop_session(live, task, attempt, record)


async def _collect(folder: RunFolder, task: str, *, config: Path | None) -> None:
    async with opened_run(folder, config=config) as live:
        await stop_sessions(live, (task,))


def _status(folder: RunFolder, task: str) -> str:
    board = Board.read(folder.status_file)
    return next((row.status(board.now) for row in board.rows if row.task == task), "unknown") if board else "unknown"


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
