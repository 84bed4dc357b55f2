"""Whose work is not merged, and why: what did not succeed, what broke the merge, and what builds on them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from miyabi.dag import Dag
from miyabi.integration.large_files import LargeFile, large_files_words
from miyabi.integration.values import LeftOut, LeftOutKind
from miyabi.sessions import Outcome, SessionResult
from miyabi.text import last_message, one_line, redact, several

_CHARACTERS = 300
_NAMED = 5


def not_to_merge(
    dag: Dag, results: Mapping[str, SessionResult], *, here: Collection[str] | None = None
) -> dict[str, LeftOut]:
    """Finds the tasks that there is nothing to merge of; those that wait for one of them are not among them.

    Args:
        dag: the tasks.
        results: the last result of each task that has one.
        here: the heads that the repository holds; None: all of them.

    Returns:
        Why, by the task's id, in the DAG's order.
    """
    causes: dict[str, LeftOut] = {}
    for task in dag.order:
        result = results.get(task)
        if result is None or not result.succeeded:
            if not _waited(dag, task, results):
                causes[task] = LeftOut(task=task, kind=LeftOutKind.FAILED, reason=_failure(result))
        elif here is not None and result.head and result.head not in here:
            reason = f"its commits ({result.head[:12]}) are not in the repository any more"
            causes[task] = LeftOut(task=task, kind=LeftOutKind.FAILED, reason=reason)
    return causes


def with_dependants(dag: Dag, causes: Mapping[str, LeftOut]) -> dict[str, LeftOut]:
    """Adds every task that builds on one of those: all of them are left out.

    Returns:
        Why, by the task's id, in the DAG's order.
    """
    out: dict[str, LeftOut] = {}
    for task in dag.order:
        if task in causes:
            out[task] = causes[task]
        elif upstream := next((out[other] for other in dag.dependencies(task) if other in out), None):
            out[task] = _follower(task, out[upstream.because_of or upstream.task])
    return out


def conflicting(task: str, files: tuple[str, ...], *, merged: Mapping[str, Collection[str]], note: str = "") -> LeftOut:
    """Leaves out a task whose head does not merge.

    Args:
        task: its id.
        files: those in conflict.
        merged: the tasks that are merged already, and the files that each of them changed.
        note: what else there is to say, as the end of a sentence.
    """
    others = [other for other, changed in merged.items() if not set(files).isdisjoint(changed)]
    who = several(others, most=_NAMED) if others else "the base and what was merged before it"
    where = f"both changed {several(files, most=_NAMED)}" if files else "files or folders were renamed in two ways"
    reason = f"it does not merge with {who}: {where}{note}"
    return LeftOut(task=task, kind=LeftOutKind.CONFLICT, files=files, reason=reason)


def submodules_words(paths: Sequence[str]) -> str:
    """Says what there is to do about submodules in conflict."""
    are = "is a submodule" if len(paths) == 1 else "are submodules"
    which = "in it the two commits that they name" if len(paths) == 1 else "in each the two commits that they name"
    return f"{several(paths, most=_NAMED)} {are}: merge {which}, or let one of the tasks depend on the other"


def breaking(task: str, *, command: str, exit_status: int, output: str, note: str = "") -> LeftOut:
    """Leaves out a task with whose merge the verify commands begin to fail.

    `note` is what else there is to say, as the end of a sentence.
    """
    why = last_message(redact(output), characters=_CHARACTERS) or "no output"
    reason = f"`{one_line(redact(command))}` fails from its merge on (exit status {exit_status}): {why}{note}"
    return LeftOut(task=task, kind=LeftOutKind.CHECK, reason=reason)


def too_large(task: str, files: Sequence[LargeFile], *, max_bytes: int) -> LeftOut:
    """Leaves out a task whose commits hold files that GitHub refuses, with every branch that they are on."""
    limit = f"{max_bytes / (1 << 20):,.4g} MiB"
    reason = f"GitHub takes no file over {limit}, and its commits hold {large_files_words(files)}"
    return LeftOut(task=task, kind=LeftOutKind.SIZE, reason=reason)


def of_size(left_out: Mapping[str, LeftOut]) -> frozenset[str]:
    """Finds the tasks that GitHub would refuse for a file's size: those that brought it, and what builds on them."""
    roots = {task for task, out in left_out.items() if out.kind is LeftOutKind.SIZE}
    return frozenset(roots | {task for task, out in left_out.items() if out.because_of in roots})


def _waited(dag: Dag, task: str, results: Mapping[str, SessionResult]) -> bool:
    """Whether it was skipped because of a task before it."""
    if (result := results.get(task)) and result.outcome is not Outcome.SKIPPED:
        return False
    upstream = [results.get(other) for other in dag.dependencies(task)]
    return any(other is None or not other.succeeded for other in upstream)


def _failure(result: SessionResult | None) -> str:
    if result is None:
        return "it was not started"
    why = one_line(redact(result.error_text or ""), characters=_CHARACTERS)
    return f"{result.outcome}: {why}" if why else str(result.outcome)


_WHY = {
    LeftOutKind.FAILED: "did not succeed",
    LeftOutKind.CONFLICT: "does not merge",
    LeftOutKind.CHECK: "does not pass the verify commands",
    LeftOutKind.SIZE: "holds a file that is too large for GitHub",
}


def _follower(task: str, root: LeftOut) -> LeftOut:
    reason = f"it builds on {root.task}, which {_WHY[root.kind]}"
    return LeftOut(task=task, kind=LeftOutKind.UPSTREAM, because_of=root.task, reason=reason)
