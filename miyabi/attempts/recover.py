"""Sessions that were given up while their machine was away: once it is back they end, and their work is collected."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from miyabi.attempts.attempt import Attempt
from miyabi.attempts.stop import stop_session
from miyabi.errors import DiskFull, GitError, MachineError, SessionError
from miyabi.runs import AttemptRecord, Run
from miyabi.sessions import Outcome, SessionResult, size_of

_SECONDS = 120.0


async def recover_abandoned(live: Run) -> None:
    """Collects what can be, beside the branches of the attempts that followed; warns of what cannot.

    Each session is given 120 s.

    Raises:
        BadInput: as `RunFolder.results`.
    """
    await asyncio.gather(*(_recover_one(live, result) for result in list(_given_up(live))))


def _given_up(live: Run) -> Iterator[SessionResult]:
    results = live.every_result()
    last = {result.task: result.attempt for result in results}
    for result in results:
        folder = live.folder.attempt(result.task, result.attempt)
        if result.attempt < last[result.task] and not result.is_collected and AttemptRecord.pending(folder):
            yield result


async def _recover_one(live: Run, lost: SessionResult) -> None:
    try:
        async with asyncio.timeout(_SECONDS):
            came = await _recover(live, lost)
    except (MachineError, SessionError, GitError, DiskFull, TimeoutError) as error:
        why = str(error) or f"it took over {_SECONDS:g} s"
        live.warn(f"{lost.task}: what attempt {lost.attempt} did on {lost.machine} is still there: {why}")
        return
    if came:
        what = f"{lost.task}: what attempt {lost.attempt} did on {lost.machine}"
        where = f"{came.strays.branch}: {size_of(came.strays)}" if came.strays else came.branch
        live.warn(f"{what} was collected later, to {where}")
        as_lost = {"outcome": Outcome.MACHINE_LOST, "error_kind": lost.error_kind, "error_text": lost.error_text}
        live.folder.write_result(came.model_copy(update=as_lost))
        live.costs.note_end(came)


async def _recover(live: Run, lost: SessionResult) -> SessionResult | None:
    machine = live.machines.get(lost.machine or "")
    if machine is None:
        raise MachineError(f"{lost.machine} takes no part in the run now.")
    begun = AttemptRecord.pending(live.folder.attempt(lost.task, lost.attempt))
    if lost.task not in live.dag.by_id:  # it reviews, or resolves a conflict, which a later one has done
        if begun:
            await stop_session(live, lost.task, lost.attempt, begun)
        return None
    node, conversation, fix_ups = live.dag.by_id[lost.task], begun.resumes if begun else None, lost.fix_ups
    spec = await live.spec(node, attempt=lost.attempt, conversation=conversation, fix_ups=fix_ups)
    attempt = Attempt(live=live, spec=spec, machine=machine, reason=lost.placement_reason, is_given_up=True)
    return await attempt.recover()
