"""Whether a run's name is free on a machine: sessions that are not this run's would be in its way."""

from __future__ import annotations

from miyabi.errors import BadInput
from miyabi.machines.machine import Machine
from miyabi.runs.run import Run
from miyabi.sessions.remote_session import list_sessions
from miyabi.sessions.result import SessionPaths
from miyabi.sessions.session_status import State

_NEVER_RAN = {State.NONE, State.STAGED}


async def require_free_name(live: Run, machine: Machine) -> None:
    """Passes where the machine has no session of a task of this run that the run's folder does not know.

    Raises:
        BadInput: it has one: the folder of its run is gone, or it is another repository's; says how to remove it.
        MachineError: as `Host.run`.
    """
    there = await list_sessions(live.host(machine), workspace=machine.workspace)
    ran = [name for name, status in there if status.state not in _NEVER_RAN and name.startswith(f"{live.run}.")]
    unknown = [
        paths for paths in map(SessionPaths.of, ran) if paths.task in live.dag.by_id and not _is_known(live, paths)
    ]
    if not unknown:
        return
    foreign = await live.workspace(machine).foreign_tasks(live.run)
    first = min(unknown, key=lambda paths: (paths.task not in foreign, paths.session))
    whose, where = (
        ("another repository's", " there") if first.task in foreign else ("of a run whose folder is gone", "")
    )
    raise BadInput(
        f"run {live.run}: {machine.name} has session {first.session}, which is {whose}. "
        f"Remove what that run made{where}: miyabi sweep {live.run}, or choose another run name."
    )


def _is_known(live: Run, paths: SessionPaths) -> bool:
    return live.folder.attempt(paths.task, paths.attempt).exists()
