"""Removing what a run made on a machine."""

from __future__ import annotations

from typing import NamedTuple

from miyabi.attempt_record import AttemptRecord
from miyabi.errors import MachineError, SessionError
from miyabi.host import Host
from miyabi.machine import Machine
from miyabi.remote import RemoteSession, list_sessions
from miyabi.repository import Repository
from miyabi.run_folder import RunFolder
from miyabi.session import SessionPaths
from miyabi.wording import count
from miyabi.workspace import Workspace


class Swept(NamedTuple):
    """Whether nothing of the run is left on a machine, and a sentence about it."""

    is_clean: bool
    told: str


def not_home(folder: RunFolder) -> tuple[str, ...]:
    """The attempts of a run whose work is still on a machine, as far as is known here; each in words."""
    records = {each: AttemptRecord.pending(each) for each in sorted(folder.path.glob("sessions/*/attempt-*"))}
    return tuple(
        f"{each.parent.name} ({each.name.replace('-', ' ')} on {record.machine})"
        for each, record in records.items()
        if record
    )


async def sweep_machine(machine: Machine, host: Host, repository: Repository, *, run: str) -> Swept:
    """Removes the run's sessions and worktrees on one machine.

    Sessions that still live keep the worktrees of the whole run: nothing is pulled from under them.
    """
    workspace = Workspace(host, repository, workspace=machine.workspace)
    try:
        foreign = await workspace.foreign_tasks(run)
        mine = [
            (name, s)
            for name, s in await list_sessions(host, workspace=machine.workspace)
            if name.startswith(f"{run}.") and SessionPaths.of(name).task not in foreign
        ]
        live = [name for name, status in mine if status.live]
        if live:
            return Swept(False, f"{machine.name}: left alone, still running: {', '.join(live)}. Stop the run first.")
        await workspace.remove_run(run)
        for name, _ in mine:
            await RemoteSession(host, name, workspace=machine.workspace).remove()
    except (MachineError, SessionError) as error:
        return Swept(False, f"{machine.name}: not swept: {error}")
    return Swept(True, f"{machine.name}: swept, {count(len(mine), 'session')}")
