"""Removing what a run made on a machine."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from miyabi.claude import remove_claude_files
from miyabi.errors import MachineError, SessionError
from miyabi.git import Repository
from miyabi.machines import Host, Machine
from miyabi.runs.attempt_record import AttemptRecord
from miyabi.runs.folder import RunFolder
from miyabi.sessions import (
    RemoteSession,
    SessionPaths,
    SessionResult,
    Status,
    Workspace,
    left_there_words,
    list_sessions,
)
from miyabi.settings import Settings
from miyabi.text import count

_NAMED = 3


class Swept(NamedTuple):
    """Whether nothing of the run is left on a machine, a sentence, and whether anything was or may be there."""

    is_clean: bool
    sentence: str
    is_there: bool = True


def not_collected(folder: RunFolder) -> tuple[str, ...]:
    """Lists the attempts of a run whose work is still on a machine, as far as is known here.

    Those of which a damaged file does not let it be known are among them.

    Returns:
        Each in words, such as `t1 (attempt 2 on mini3)`, by task.
    """
    attempts = sorted(folder.path.glob("sessions/*/attempt-*"))
    return tuple(f"{each.parent.name} ({words})" for each in attempts if (words := _left(each)))


def _left(attempt: Path) -> str:
    """The attempt, its machine and the file that cannot be read; nothing where its work is here."""
    record, unreadable = AttemptRecord.pending(attempt), AttemptRecord.unreadable(attempt)
    if record is None and unreadable is None:
        return ""
    where = f" on {record.machine}" if record else ""
    return f"{attempt.name.replace('-', ' ')}{where}" + (f"; {unreadable} is damaged" if unreadable else "")


def left_there(folder: RunFolder) -> tuple[str, ...]:
    """Lists what attempts of a run left on machines for its size or number, as far as is known here.

    Returns:
        A sentence without full stop for each attempt, with machine and folder, by task and attempt.
    """
    results = sorted(_with_files_left(folder), key=lambda r: (r.task, r.attempt))
    return tuple(f"{r.task}: {left_there_words(r.left_there, machine=_where(r, folder))}" for r in results)


def note_swept(folder: RunFolder, machine: str) -> None:
    """Notes in the run's results that what was left on a machine is there no more.

    Raises:
        DiskFull: there is no room for it.
    """
    for result in list(_with_files_left(folder)):
        if result.machine == machine:
            folder.write_result(result.model_copy(update={"left_there": ()}))


def _with_files_left(folder: RunFolder) -> Iterator[SessionResult]:
    """Results that cannot be read are passed over: a run that is damaged is swept all the same."""
    for file in folder.path.glob("sessions/*/attempt-*/result.json"):
        with suppress(OSError, ValidationError):
            result = SessionResult.model_validate_json(file.read_bytes())
            if result.left_there:
                yield result


def _where(result: SessionResult, folder: RunFolder) -> str:
    """The machine, and the folder there where it is known."""
    record = AttemptRecord.known(folder.attempt(result.task, result.attempt))
    checkout = SessionPaths(run=result.run, task=result.task).checkout
    return f"{result.machine} in {record.workspace}/{checkout}" if record and record.workspace else f"{result.machine}"


async def sweep_machine(
    machine: Machine, host: Host, repository: Repository, *, run: str, settings: Settings, is_known: bool = True
) -> Swept:
    """Removes the run's sessions and checkouts on one machine, and what claude kept of them as `settings` say.

    Sessions that still live keep the checkouts of the whole run: nothing is pulled from under them. Nor is anything
    removed where the run is not `is_known`: nothing here says then whether the work of its sessions was collected. What
    goes wrong on the machine is in the sentence, and not raised.
    """
    workspace = Workspace(host, repository, workspace=machine.workspace)
    try:
        mine = await _of_run(machine, host, run, foreign=await workspace.foreign_tasks(run))
        sessions = [(name, s) for name, s in mine if not SessionPaths.of(name).is_ahead]
        if live := [name for name, status in sessions if status.live]:
            return Swept(False, f"{machine.name}: left alone, still running: {', '.join(live)}. Stop the run first.")
        if sessions and not is_known:
            unknown = _unknown(RunFolder(repository.root, run), [name for name, _ in sessions])
            return Swept(False, f"{machine.name}: not swept: {unknown}")
        is_there = bool(mine) or await _has_checkouts(machine, host, run)
        for name in [name for name, status in mine if status.live]:  # set up ahead of a session that will not begin
            await RemoteSession(host, name, workspace=machine.workspace).stop()
        await workspace.remove_run(run)
        tasks = {SessionPaths.of(name).task for name, _ in mine}
        of_run: Any = {"keep_days": settings.runs.keep_days, "run": run, "tasks": tasks}
        for account in machine.logins:
            environment = settings.of_account(account).sessions.environment
            await remove_claude_files(machine, host, environment=environment, **of_run)
        for name, _ in mine:
            await RemoteSession(host, name, workspace=machine.workspace).remove()
    except (MachineError, SessionError) as error:
        return Swept(False, f"{machine.name}: not swept: {error}")
    return Swept(True, f"{machine.name}: swept, {count(len(sessions), 'session')}", is_there)


async def _of_run(machine: Machine, host: Host, run: str, *, foreign: Collection[str]) -> list[tuple[str, Status]]:
    """The run's sessions, and what was set up ahead of some, but for `foreign` tasks."""
    names = await list_sessions(host, workspace=machine.workspace)
    ours = [(name, status) for name, status in names if name.startswith(f"{run}.")]
    return [(name, status) for name, status in ours if SessionPaths.of(name).task not in foreign]


async def _has_checkouts(machine: Machine, host: Host, run: str) -> bool:
    """Whether the machine has a checkout of a run of this name."""
    folders = [f"{machine.workspace}/{kind}/{run}" for kind in ("checkouts", "worktrees")]
    look = 'for each; do if [ -e "$each" ]; then echo "$each"; fi; done'
    return bool((await host.run(["/bin/sh", "-c", look, "sh", *folders])).stdout.strip())


def _unknown(folder: RunFolder, sessions: Sequence[str]) -> str:
    names = ", ".join(sessions[:_NAMED]) + (" and others" if len(sessions) > _NAMED else "")
    gone = f"{folder.info_file} is damaged or" if folder.path.exists() else f"the folder of run {folder.run} is"
    why = f"{gone} gone, so it is not known whether the work of {names} was collected"
    return f"{why}. If it may be lost: miyabi sweep {folder.run} --yes"
