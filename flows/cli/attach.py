"""`miyabi attach`: a conversation that got stuck, in the user's terminal."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from pathlib import Path

import click

from flows.cli.by_hand import folder_of, note_results, opened_run, show_result
from flows.cli.exit_code import ExitCode
from flows.cli.options import config_option, repository_option, run_argument, task_argument
from miyabi.attempts import Attached
from miyabi.errors import BadInput
from miyabi.machines import run_in_terminal
from miyabi.runs import Board, RunFolder, TaskState
from miyabi.sessions import SessionResult

_POLL_SECONDS = 0.2


@click.command(help="Go on with a task's conversation by hand, in this terminal, in its checkout on its machine.")
@run_argument
@task_argument
@repository_option
@config_option
def attach(*, run: str, task: str, repository: Path, config: Path | None) -> ExitCode:
    """Open the conversation with claude's own screen, in a slot of its machine; exit code 1 where it did not begin.

    When the person leaves it, or the terminal goes, what was done is committed and collected. `miyabi retry` has a
    session go on from there.

    Raises:
        BadInput: no terminal, no such run or task; it has no conversation, or is not over.
        MachineError: the machine does not answer, or is not where it was.
    """
    folder = folder_of(repository, run, config=config, task=task)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise BadInput("attach needs a terminal: call it in one, without a pipe or a file as its input or output.")
    _require_done(folder, task)
    result = asyncio.run(_attach(folder, task, config=config))
    if result is None:
        return ExitCode.FAILED
    show_result(result)
    click.echo(f"to go on    miyabi retry {folder.run} {task}")
    return ExitCode.SUCCEEDED


def _require_done(folder: RunFolder, task: str) -> None:
    """Checks that no orchestrator is about to begin a session of the task."""
    board = Board.read(folder.status_file) if folder.is_being_worked_on else None
    row = next((row for row in board.rows if row.task == task), None) if board else None
    if row and row.state is not TaskState.DONE:
        words = row.status(board.now) if board else ""
        raise BadInput(f"run {folder.run} works on task {task} ({words}). To stop it: miyabi stop {folder.run} {task}")


async def _attach(folder: RunFolder, task: str, *, config: Path | None) -> SessionResult | None:
    async with opened_run(folder, config=config) as live:
        attached = await Attached.of(live, task)
        words = await attached.stage()
        before = folder.holder if folder.is_being_worked_on else None
        await live.close()  # a connection that nobody reads from would be taken for dead
        run_in_terminal(attached.machine, words)
        if folder.is_being_worked_on and folder.holder != before:
            click.echo(f"its work is collected by pid {folder.holder}, which works on the run", err=True)
        while folder.is_being_worked_on and folder.holder != before and not attached.is_collected:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_SECONDS)
        result = await attached.collect()
        with suppress(BadInput), folder.lock():  # an orchestrator that works on the run writes its report itself
            note_results(live)
        return result
