"""A merge that conflicts becomes a session: a small run of its own whose one task starts from both sides."""

from __future__ import annotations

from collections.abc import Sequence

from miyabi.dag import Dag, Node
from miyabi.live_run import LiveRun
from miyabi.progress import Board
from miyabi.repository import Repository
from miyabi.resolution import Conflict
from miyabi.resolve_prompt import resolve_prompt
from miyabi.run_folder import RunFolder
from miyabi.session import SessionResult, resolving
from miyabi.settings import Settings


async def resolution_run(
    conflict: Conflict,
    *,
    dag: Dag,
    results: Sequence[SessionResult],
    folder: RunFolder,
    settings: Settings,
    repository: Repository,
) -> LiveRun:
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
    return LiveRun(
        run=folder.run,
        dag=Dag(nodes=(node,), name=node.id),
        settings=settings,
        folder=folder,
        repository=repository,
        base=conflict.start,
        author=await repository.identity(),
        board=Board(run=folder.run, tasks=(node.id,), rehearsal=folder.info().rehearse),
        rehearse=folder.info().rehearse,
    )


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
    }
    return of.model_copy(update=ours)
