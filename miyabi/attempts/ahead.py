"""A task's checkout is set up ahead: while the slot is still taken that its first session will get."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from miyabi.claude import check_prelude, inherited_environment
from miyabi.errors import MachineError, SessionError
from miyabi.machines import Machine
from miyabi.runs import Run, RunFolder
from miyabi.sessions import RemoteSession, SessionPaths, SessionSpec
from miyabi.system import files, private_files

_GRACE_SECONDS = 2.0
_SECONDS = 10.0
_LEAST_SLOTS = 2  # else nothing has run beside anything there
_OWN_VARIABLE = re.compile(r"MIYABI_(?!CACHE)")
"""What a set-up ahead has not, as the number of a slot; `names-slot` of workspace.sh looks for the same in files."""


class AheadRecord(BaseModel):
    """Where a checkout was set up ahead, or was to be.

    `copies` tells which files were copied into it, and stands there once that is done; `pid` is the orchestrator's.
    What is over was ended, and removed.
    """

    model_config = ConfigDict(frozen=True)

    machine: str
    host: str | None = None
    workspace: str
    copies: str | None = None
    pid: int
    is_over: bool = False

    @classmethod
    def of(cls, machine: Machine) -> Self:
        """Makes the record of one that begins on a machine."""
        return cls(machine=machine.name, host=machine.host, workspace=machine.workspace, pid=os.getpid())

    @classmethod
    def known(cls, folder: RunFolder, task: str) -> Self | None:
        """Reads a task's record; None where there is none, or it is damaged."""
        try:
            return cls.model_validate_json(folder.ahead_file(task).read_bytes())
        except (OSError, ValidationError):
            return None

    def is_at(self, machine: Machine) -> bool:
        """Returns whether it is on that machine, in its workspace as it is now."""
        return (self.machine, self.host, self.workspace) == (machine.name, machine.host, machine.workspace)

    def keep(self, folder: RunFolder, task: str) -> None:
        """Writes the record.

        Raises:
            DiskFull: there is no room for it.
        """
        file = folder.ahead_file(task)
        private_files.make_folder(file.parent)
        files.atomic_write(file, self.model_dump_json() + "\n")


def setup_script(live: Run, spec: SessionSpec, machine: Machine, *, checkout: str) -> bytes:
    """Makes the set-up of a session's checkout on a machine; nothing where there is none."""
    workspace = live.workspace(machine)
    prelude = check_prelude(spec, machine, inherited=inherited_environment(machine), cache=workspace.cache)
    commands = spec.setup_on(machine.offers)
    if not commands:
        return b""
    return workspace.setup_script(spec.paths, commands=commands, checkout=checkout, prelude=prelude)


async def set_up_ahead(live: Run, machine: Machine, task: str) -> None:
    """Begins to set up the checkout that was prepared for a task's first attempt; does not wait for the end of it.

    It would run beside the checks of other sessions, so nothing is done on a machine that has one slot, nor where
    something could ask for the number of a slot or its ports, which belong to another session until that has ended.

    Raises:
        MergeConflict: as `Run.spec`.
        GitFailed: as `Run.spec`, `Run.copied_files`.
        SessionError: the task has had a session there.
        MachineError: as `Workspace.copy`, `RemoteSession.set_up_ahead`.
        DiskFull: our own disk takes no more.
    """
    node, is_begun = live.dag.by_id[task], live.folder.attempts(task) or AheadRecord.known(live.folder, task)
    checkout = live.worktrees.prepared(machine, node)
    if is_begun or checkout is None or machine.slots < _LEAST_SLOTS:
        return
    spec = await live.spec(node, attempt=1)
    script, workspace = setup_script(live, spec, machine, checkout=checkout), live.workspace(machine)
    if not script or _names_slot(spec, machine):
        return
    record, copies = AheadRecord.of(machine), await live.copied_files()
    record.keep(live.folder, task)
    if copies:
        await workspace.copy(spec.paths, copies)
    if await workspace.names_slot(spec.paths):
        live.folder.ahead_file(task).unlink()
        return
    record.model_copy(update={"copies": _fingerprint(copies)}).keep(live.folder, task)
    await _session(live, machine, task).set_up_ahead(script, timeout_seconds=spec.setup_timeout_seconds)


async def abandon_ahead(live: Run, machine: Machine, task: str) -> None:
    """Ends the set-up, and removes the checkout, of a task that did not run on that machine after all, nor ever did.

    Raises:
        MachineError: as `RemoteSession.stop`, `Worktrees.abandon`.
        DiskFull: our own disk takes no more.
    """
    record = AheadRecord.known(live.folder, task)
    if record and record.is_at(machine) and not live.worktrees.has_been_at(machine, task):
        await _end(live, machine, task, record)
    else:
        await live.worktrees.abandon(machine, live.dag.by_id[task])


async def join_ahead(live: Run, machine: Machine, spec: SessionSpec, copies: Mapping[str, bytes]) -> bool:
    """Takes up, for an attempt that begins, what was set up ahead; removes what it cannot go on with.

    What was begun by an earlier orchestrator, too: the machine itself has the session wait for its end.

    Returns:
        Whether the files were copied into the checkout before its set-up, and so are not to be copied again.

    Raises:
        MachineError: as `RemoteSession.stop`, `Worktrees.remove`.
        DiskFull: our own disk takes no more.
    """
    record = AheadRecord.known(live.folder, spec.task)
    if record is None or record.is_over or spec.attempt > 1:
        return False
    if record.is_at(machine):
        if record.copies == _fingerprint(copies):
            return True
        await _end(live, machine, spec.task, record)
    elif record.pid != os.getpid() and (there := _where(live, record)):  # else the runner sees to that
        with suppress(MachineError, TimeoutError):
            async with asyncio.timeout(_SECONDS):
                await abandon_ahead(live, there, spec.task)
    return False


async def end_all_ahead(live: Run, tasks: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """Abandons what was set up ahead of tasks that have not begun since; `tasks` are the only ones, empty: all.

    Returns:
        Why some could not be ended or removed, a sentence each.
    """
    faults = []
    for task, machine in list(_left(live)):
        if tasks and task not in tasks:
            continue
        try:
            async with asyncio.timeout(6 * _SECONDS):
                await abandon_ahead(live, machine, task)
        except (MachineError, SessionError, TimeoutError) as error:
            faults.append(f"{task}: its set-up on {machine.name} was not ended: {str(error) or 'it took too long'}")
    return tuple(faults)


def _left(live: Run) -> Iterator[tuple[str, Machine]]:
    for task in live.dag.order:
        record = AheadRecord.known(live.folder, task)
        if record and not record.is_over and (machine := _where(live, record)):
            yield task, machine


def _where(live: Run, record: AheadRecord) -> Machine | None:
    machine = live.machines.get(record.machine)
    return machine if machine and record.is_at(machine) else None


async def _end(live: Run, machine: Machine, task: str, record: AheadRecord) -> None:
    await _session(live, machine, task).stop(grace_seconds=_GRACE_SECONDS)
    await live.worktrees.remove(machine, live.dag.by_id[task])
    record.model_copy(update={"is_over": True}).keep(live.folder, task)


def _session(live: Run, machine: Machine, task: str) -> RemoteSession:
    return RemoteSession(live.host(machine), SessionPaths(run=live.run, task=task).ahead, workspace=machine.workspace)


def _names_slot(spec: SessionSpec, machine: Machine) -> bool:
    values = (*spec.setup_on(machine.offers), *machine.environment.values(), *(value for _, value in spec.environment))
    return any(_OWN_VARIABLE.search(value) for value in values)


def _fingerprint(copies: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for path, content in sorted(copies.items()):
        digest.update(b"%d %d\n%s%s" % (len(path_bytes := os.fsencode(path)), len(content), path_bytes, content))
    return digest.hexdigest()
