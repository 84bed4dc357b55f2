"""A verify command as a Prefect task run: what it prints is in the UI's logs, and a failed one is red."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from pathlib import Path
from typing import Any

from prefect import task
from prefect.states import Failed
from prefect_shell import ShellOperation  # type: ignore[import-untyped] # it brings none

from miyabi.integration import CommandEnd
from miyabi.system import guarded_command
from miyabi.text import one_line, redact
from tasks.declaration import TASK
from tasks.runner import await_state


@task(name="verify", task_run_name="verify {label}: {name}", **TASK)
async def verify(
    command: str,
    folder: Path,
    timeout_seconds: float,
    label: str,  # noqa: ARG001 - part of the run's name
    name: str,  # noqa: ARG001 - the same
) -> Any:
    """Runs a shell command in a folder, guarded: no secrets in or out, a time limit, so much output at most.

    Returns:
        The `CommandEnd`, as the data of a failed state where the exit status is not 0.
    """
    line = shlex.join(["exec", *guarded_command.guarded(command, timeout_seconds=timeout_seconds)])
    operation = ShellOperation(commands=[line], working_dir=folder, shell="sh", log_prefix=None)  # noqa: S604 - the name of one
    async with operation:
        process = await operation.atrigger()
        with contextlib.suppress(RuntimeError):  # how it says that the exit status is not 0
            await process.await_for_completion()
        end = CommandEnd(process.return_code or 0, "\n".join(await process.afetch_result()))
    return Failed(message=f"exit status {end.exit_status}", data=end) if end.exit_status else end


async def run_as_task(command: str, *, folder: Path, timeout_seconds: float, label: str) -> CommandEnd:
    """Runs a command as a task run of the flow that it is called in, as `RunCommand` says.

    Raises:
        CancelledError: the flow run is to end; the command has ended before.
        Exception: what the task run broke with, such as an OSError where the command cannot be started.
    """
    state = await await_state(verify.submit(command, folder, timeout_seconds, label, _name(command)))
    if state.is_cancelled():
        raise asyncio.CancelledError(state.message)
    end = await state.aresult(raise_on_failure=False)
    if isinstance(end, BaseException):
        raise end
    return CommandEnd(*end)


def _name(command: str) -> str:
    return one_line(redact(command), characters=80)
