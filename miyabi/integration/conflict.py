"""A merge that conflicts, or breaks it, given to somebody: what they start from, and whether their work is of use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from miyabi.errors import MergeConflict, MiyabiError
from miyabi.git import Git, conflict_markers, merge
from miyabi.text import one_line, several, without_times

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakage:
    """A task's merge with which the verify commands begin to fail.

    `start` is where to begin: that merge, on top of `ours`, what was merged before it, and `theirs`, the task's head.
    `command` is the one that fails; `output` the end of what it printed, without secrets.
    """

    run: str
    task: str
    title: str
    ours: str
    theirs: str
    start: str
    command: str
    exit_status: int
    output: str
    files: tuple[str, ...] = ()

    def is_same(self, other: Breakage) -> bool:
        """Returns whether it fails as that other one did."""
        ends = [(each.task, each.command, each.exit_status, without_times(each.output)) for each in (self, other)]
        return ends[0] == ends[1]


Resolve = Callable[[Conflict | Breakage], Awaitable[str | None]]
"""Has it mended by somebody: the head of their work, on top of `start`; None where nobody is to be asked.

A MiyabiError where they cannot.
"""


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


async def resolved_tree(git: Git, conflict: Conflict | Breakage, resolve: Resolve) -> tuple[str, str] | None:
    """Lets somebody resolve the conflict, or mend what breaks, and checks what they made.

    Returns:
        The tree that does it, and the head that they made it on; None where nobody is to be asked.

    Raises:
        MergeConflict: they could not, or what they made does not hold both sides or still has conflict markers.
        GitFailed: git could not do it.
    """
    try:
        head = await resolve(conflict)
    except MiyabiError as error:
        raise _unresolved(conflict, one_line(str(error), characters=_WHY_CHARACTERS)) from None
    return (await resolution_tree(git, conflict, head), head) if head else None


async def resolution_tree(git: Git, conflict: Conflict | Breakage, head: str) -> str:
    """Checks what somebody made of it, and returns its tree.

    Raises:
        MergeConflict: it does not hold both sides, or still has conflict markers.
        GitFailed: git could not do it.
    """
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


def _unresolved(conflict: Conflict | Breakage, why: str) -> MergeConflict:
    return MergeConflict(why, files=conflict.files)
