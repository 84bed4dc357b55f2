"""What earlier runs left of a run's tasks, and how a checkout comes to start from it."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from miyabi.errors import GitDiskFull, GitFailed, MergeConflict
from miyabi.git import Repository
from miyabi.runs.info import Kept
from miyabi.sessions import EarlierWork, TakenUp
from miyabi.text import one_line, several

_GONE = "its branch is not here, and could not be fetched"
_FILES_NAMED = 5


class HandOver(Kept):
    """The earlier work on the tasks of a run, which was chosen when the run was made."""

    file_name = "hand_over.json"
    if_damaged = (
        "Remove the file to do without it: tasks that are still to be started know nothing of earlier runs then."
    )

    works: Mapping[str, EarlierWork] = Field(default_factory=dict, description="By the task's id")


async def take_up(work: EarlierWork, *, task: str, base: str, repository: Repository) -> TakenUp:
    """Merges the earlier work on a task into what the task starts from; made again, it is the same commit.

    Of a branch that holds other tasks' work, which `base` has not, only its own part is taken over, as one commit.
    Where it does not merge, or is not to be started from, the checkout starts from `base` and has the branch beside it.

    Raises:
        GitDiskFull: there is no room for it; what else git cannot do is why the checkout starts without it.
        GitFailed: git cannot read commits here.
    """
    if not work.branch:
        return TakenUp(work=work)
    if not work.head or work.head not in await repository.contains([work.head]):
        return TakenUp(work=work, why=_GONE)
    if work.not_from:
        return TakenUp(work=work, is_beside=True, why=work.not_from)
    try:
        return TakenUp(work=work, commit=await _merged(work, task=task, base=base, repository=repository))
    except MergeConflict as conflict:
        where = f": both changed {several(conflict.files, most=_FILES_NAMED)}" if conflict.files else ""
        return TakenUp(work=work, is_beside=True, why=f"they do not merge with what it starts from now{where}")
    except GitDiskFull:
        raise
    except GitFailed as error:
        return TakenUp(work=work, why=f"they cannot be merged: {one_line(str(error))}")


async def _merged(work: EarlierWork, *, task: str, base: str, repository: Repository) -> str:
    message = f"Take up {task} from {work.branch}"
    if await _holds_others(work, base=base, repository=repository):
        return await repository.carry_over(work.head, since=work.base, onto=base, message=f"{message}\n")
    return await repository.merge([work.head], base=base, message=message)


async def _holds_others(work: EarlierWork, *, base: str, repository: Repository) -> bool:
    """Whether it holds commits, those of its upstreams then, that `base` has not: they may have been refused."""
    if not work.base or work.base not in await repository.contains([work.base]):
        return False
    if (await repository.git.run("merge-base", "--is-ancestor", work.base, work.head)).exit_status:
        return False  # a person took it off them
    words = ("rev-list", "--no-merges", "--max-count=1", work.base, "--not", base)
    return bool((await repository.git.ask(*words)).stdout)
