"""Sessions of a run are ended: of one that nobody works on, with their work collected; or of one that is to be over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress

from miyabi.attempts.ahead import end_all_ahead
from miyabi.attempts.attempt import Attempt
from miyabi.errors import DiskFull, GitError, MachineError, SessionError
from miyabi.runs import AttemptRecord, Run, TaskState
from miyabi.sessions import RemoteSession, SessionPaths, SessionResult, is_reviewing, reviewed

GRACE_SECONDS = 10.0
_SECONDS = 180.0


async def stop_sessions(live: Run, tasks: Collection[str] = ()) -> tuple[tuple[SessionResult, ...], tuple[str, ...]]:
    """Ends the last session of each task that may be alive, or is not collected, and collects its work.

    What was set up ahead of a session that has not begun ends too.

    Args:
        live: the run, which only we work on.
        tasks: the tasks to stop; none: all.

    Returns:
        The results that came of it, and why others could not be ended or collected, a sentence each.

    Raises:
        BadInput: as `RunFolder.results`.
    """
    pending = [(name, number) for name, number in _pending(live) if not tasks or _task_of(name) in tasks]
    ends = await asyncio.gather(*(_stop(live, task, number) for task, number in pending))
    results = tuple(end for end in ends if isinstance(end, SessionResult))
    faults = (end for end in ends if isinstance(end, str))
    return results, (*faults, *await end_all_ahead(live, frozenset(tasks)))


async def stop_session(live: Run, task: str, attempt: int, record: AttemptRecord) -> None:
    """Ends a session, for whoever follows it to collect.

    Raises:
        MachineError: its machine takes no part, is another one now, or as `RemoteSession.stop`.
    """
    machine = record.machine_among(live.machines, run=live.run)
    paths = SessionPaths(run=live.run, task=task, attempt=attempt)
    session = RemoteSession(live.host(machine), paths.session, workspace=machine.workspace)
    await session.stop(grace_seconds=GRACE_SECONDS)


async def keep_ending(
    live: Run,
    *,
    concerns: Callable[[AttemptRecord], bool] = lambda _: True,
    is_due: Callable[[], bool] = lambda: True,
    every_seconds: float = 1.0,
) -> None:
    """Ends the sessions of a run, those that begin meanwhile too, for whoever follows them to collect.

    One whose machine does not answer is told again and again, and who is at one by hand is left alone. Returns when
    every task of the run is done.

    Args:
        live: the run.
        concerns: whether a session that is begun is to end; asked again and again.
        is_due: whether any session is to end; asked before the run's folder is looked through.
        every_seconds: how often is looked.
    """
    telling: dict[tuple[str, int], asyncio.Task[bool]] = {}
    while any(row.state is not TaskState.DONE for row in live.board.snapshot().rows):
        for each in _pending(live) if is_due() else ():
            record, told = AttemptRecord.pending(live.folder.attempt(*each)), telling.get(each)
            is_told = told is not None and not (told.done() and not told.result())
            if record and not record.by_hand and not is_told and concerns(record):
                telling[each] = asyncio.create_task(_tell(live, *each, record))
        await asyncio.sleep(every_seconds)


async def _tell(live: Run, task: str, number: int, record: AttemptRecord) -> bool:
    """Whether it need not be told again."""
    with suppress(MachineError, SessionError):
        await stop_session(live, task, number, record)
        return True
    return False


def _task_of(name: str) -> str:
    """The task whose work a session is for, by what stands in place of a task's id in its names."""
    return reviewed(name) if is_reviewing(name) else name


def _pending(live: Run) -> Iterator[tuple[str, int]]:
    """The last attempt of each task where that is not over or not collected."""
    for folder in sorted(live.folder.path.glob("sessions/*")):
        attempts = live.folder.attempts(folder.name)
        if attempts and AttemptRecord.pending(attempts[last := max(attempts)]):
            yield folder.name, last


async def _stop(live: Run, task: str, number: int) -> SessionResult | str | None:
    record = AttemptRecord.pending(live.folder.attempt(task, number))
    try:
        async with asyncio.timeout(_SECONDS):
            if record is None:
                return None
            if task not in live.dag.by_id:  # it resolves a conflict, or reviews: who goes on with the run collects it
                await stop_session(live, task, number, record)
                return None
            machine = record.machine_among(live.machines, run=live.run)
            spec = await live.spec(live.dag.by_id[task], attempt=number, conversation=record.resumes)
            result = await Attempt(live=live, spec=spec, machine=machine).recover()
    except (MachineError, SessionError, GitError, DiskFull, TimeoutError) as error:
        return f"{task}: not stopped, or not collected: {str(error) or f'it took over {_SECONDS:g} s'}"
    if result:
        live.keep(result)
    return result
