"""A merge that conflicts, given to somebody: what they start from, and whether what they hand back resolves it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from miyabi.errors import MergeConflict, MiyabiError
from miyabi.git import Git, conflict_markers, merge
from miyabi.text import one_line, several

_FILES_SHOWN = 5
_WHY_CHARACTERS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A task's head that does not merge with what was merged before it.

    `start` is where to begin: a commit on top of both sides whose files in conflict hold git's conflict markers,
    labelled with the commits `ours` and `theirs`. The same sides always make the same `start`.
    """

    run: str
    task: str
    title: str
    ours: str
    theirs: str
    start: str
    files: tuple[str, ...]
    messages: tuple[str, ...]


Resolve = Callable[[Conflict], Awaitable[str]]
"""Has the conflict resolved by somebody: the head of their work, on top of `start`. A MiyabiError where they cannot."""


async def conflict_of(
    git: Git, merged: merge.MergedTree, *, run: str, task: str, title: str, ours: str, theirs: str
) -> Conflict:
    """Makes the conflict of a merge, ready to be worked on.

    Raises:
        GitFailed: git could not do it.
    """
    messages = await merge.conflict_messages(git, ours, theirs)
    message = f"Conflict of {task}: to be resolved\n\nThe files in conflict hold conflict markers.\n"
    return Conflict(
        run=run,
        task=task,
        title=title,
        ours=ours,
        theirs=theirs,
        start=await merge.commit_tree(git, merged.tree, parents=(ours, theirs), message=message),
        files=merged.files,
        messages=tuple(one_line(line, characters=500) for line in messages),
    )


async def resolved_tree(git: Git, conflict: Conflict, resolve: Resolve) -> tuple[str, str]:
    """Lets somebody resolve the conflict, and checks what they made.

    Returns:
        The tree that resolves it, and the head that they made it on.

    Raises:
        MergeConflict: they could not, or what they made does not hold both sides or still has conflict markers.
        GitFailed: git could not do it.
    """
    try:
        head = await resolve(conflict)
    except MiyabiError as error:
        raise _unresolved(conflict, one_line(str(error), characters=_WHY_CHARACTERS)) from None
    return await _tree(git, conflict, head), head


async def _tree(git: Git, conflict: Conflict, head: str) -> str:
    if head == conflict.start:
        raise _unresolved(conflict, "nothing was committed to resolve it")
    if not await _is_on_top(git, head, conflict.start):
        raise _unresolved(conflict, f"the resolution {head[:12]} is not on top of both sides")
    if left := await conflict_markers.unresolved(git, head, sides=(conflict.ours, conflict.theirs)):
        files = several(left, most=_FILES_SHOWN)
        raise _unresolved(conflict, f"the resolution {head[:12]} still has conflict markers in {files}")
    return (await git.ask("rev-parse", "--verify", f"{head}^{{tree}}")).text


async def _is_on_top(git: Git, head: str, start: str) -> bool:
    return not (await git.run("merge-base", "--is-ancestor", start, head)).exit_status


def _unresolved(conflict: Conflict, why: str) -> MergeConflict:
    return MergeConflict(why, files=conflict.files)
