"""A merge that conflicts becomes a session: a small run of its own whose one task starts from both sides."""

from __future__ import annotations

from collections.abc import Sequence

from miyabi.dag.graph import Dag, Node
from miyabi.errors import MergeConflict
from miyabi.git.repository import Repository
from miyabi.integration.conflict import Conflict
from miyabi.integration.resolve_prompt import resolve_prompt
from miyabi.runs.folder import RunFolder
from miyabi.runs.progress import Board
from miyabi.runs.run import Run
from miyabi.sessions.result import BLAMELESS, Outcome, SessionResult, resolving
from miyabi.settings.settings import Settings
from miyabi.text.sanitize import one_line

_MAY_GO_WELL = BLAMELESS | {Outcome.KILLED}
"""Outcomes that say nothing of the work, so that the same session may go well another time."""


async def resolution_run(
    conflict: Conflict,
    *,
    dag: Dag,
    results: Sequence[SessionResult],
    folder: RunFolder,
    settings: Settings,
    repository: Repository,
) -> Run:
    """The run whose one task resolves the conflict. The same conflict always makes the same run.

    Args:
        conflict: what does not merge.
        dag: the tasks of the run that the conflict is of; the fields of the one to be merged hold for the session.
        results: what became of those tasks.
        folder: the folder of that run, in which this one is kept too.
        settings: of the run.
        repository: where both sides are.
    """
    node = _node(conflict, dag.by_id[conflict.task], results=results, settings=settings)
    info = folder.info()
    return Run(
        run=folder.run,
        run_id=info.id,
        dag=Dag(nodes=(node,), name=node.id),
        settings=_without_fail_fast(settings),
        folder=folder,
        repository=repository,
        base=conflict.start,
        author=await repository.identity(),
        board=Board(run=folder.run, tasks=(node.id,), rehearsal=info.rehearse),
        rehearse=info.rehearse,
    )


def is_decided(result: SessionResult | None) -> bool:
    """Whether the session is not to run once more: it succeeded, or what it did was wrong, which is never repeated."""
    return result is not None and result.outcome not in _MAY_GO_WELL


def head_of(result: SessionResult | None, *, session: str) -> str:
    """The head of the resolution.

    Args:
        result: of the session that was to make it; None: it has none.
        session: what stands in place of the task's id in its names.

    Raises:
        MergeConflict: it did not succeed; says how it ended.
    """
    if result is None:
        raise MergeConflict(f"{session}, which was to resolve it, was not started")
    if not result.succeeded or result.head is None:
        told = one_line(result.error_text or "no reason given", characters=300)
        raise MergeConflict(f"{session}, which was to resolve it, ended as {result.outcome}: {told}")
    return result.head


def _without_fail_fast(settings: Settings) -> Settings:
    """One conflict that is not resolved says nothing of the next."""
    return settings.model_copy(update={"runs": settings.runs.model_copy(update={"fail_fast": False})})


def _node(conflict: Conflict, of: Node, *, results: Sequence[SessionResult], settings: Settings) -> Node:
    """The task's node with another name and prompt. No DAG file can have the name, so it is put in unchecked."""
    files = set(conflict.files)
    sides = [r for r in results if r.task == of.id or (r.succeeded and files.intersection(r.changes.files))]
    prompt = resolve_prompt(conflict, sides=sides, check=of.check or settings.sessions.check)
    ours = {
        "id": resolving(of.id, start=conflict.start),
        "title": f"Resolve the conflict of {of.id}",
        "dependencies": (),
        "prompt": prompt,
        "command": None,
        "expect_changes": True,
    }
    return of.model_copy(update=ours)
