"""A merge that conflicts becomes a session: a small run of its own whose one task starts from both sides."""

from __future__ import annotations

from collections.abc import Sequence

from miyabi.claude import HOUSE_RULES, must_pass
from miyabi.dag import Dag, Node
from miyabi.errors import MergeConflict
from miyabi.git import Repository
from miyabi.integration.conflict import Conflict
from miyabi.runs import Board, Run, RunFolder
from miyabi.sessions import BLAMELESS, Outcome, SessionResult, resolving
from miyabi.settings import Settings
from miyabi.text import clean, markdown, one_line, several, shorten

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
    """Makes the run whose one task resolves the conflict. The same conflict always makes the same run.

    Args:
        conflict: what does not merge.
        dag: the tasks of the run that the conflict is of; the fields of the one to be merged hold for the session.
        results: what became of those tasks.
        folder: the folder of that run, in which this one is kept too.
        settings: of the run.
        repository: where both sides are.

    Raises:
        BadInput: run.json or a result.json of the folder is missing or damaged.
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
    """Returns whether the session is not to run once more.

    It succeeded, or what it did was wrong, which is never repeated.
    """
    return result is not None and result.outcome not in _MAY_GO_WELL


def head_of(result: SessionResult | None, *, session: str) -> str:
    """Returns the head of the resolution.

    Args:
        result: of the session that was to make it; None: it has none.
        session: what stands in place of the task's id in its names.

    Raises:
        MergeConflict: it did not succeed; says how it ended.
    """
    if result is None:
        raise MergeConflict(f"{session}, which was to resolve it, was not started")
    if not result.succeeded or result.head is None:
        why = one_line(result.error_text or "no reason given", characters=300)
        raise MergeConflict(f"{session}, which was to resolve it, ended as {result.outcome}: {why}")
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


_MESSAGE_CHARACTERS = 2_000
_FILES = 50

_HOW = """\
Your checkout stands on a commit that already joins both sides: you need no `git merge`. The files in conflict hold \
git's conflict markers. The lines after `<<<<<<< {ours}` are what was merged so far, \
the lines before `>>>>>>> {theirs}` are what this task did.
- Resolve every file below so that both sides' intentions hold, take every conflict marker out, \
and see that the rest of the code goes with it.
- `git log -p {ours}..{theirs}` shows what this task did, `git log -p {theirs}..{ours}` what the other side did.
- Change nothing that the conflict does not call for.
- Commit the resolution. Where a file is right as it stands, say so in the message; \
if nothing is to be changed at all, make an empty commit (`git commit --allow-empty`)."""


def resolve_prompt(conflict: Conflict, *, sides: Sequence[SessionResult] = (), check: str | None = None) -> str:
    """Composes the message that starts the session which resolves a conflict.

    Args:
        conflict: what does not merge.
        sides: results of the tasks that changed the files in conflict, the one to be merged included.
        check: command that must pass in the checkout afterwards.
    """
    what = f"The work of task {_name(conflict.task, conflict.title)} does not merge with what was merged before it."
    parts = [
        f"# Resolve a merge conflict\n\n{what}",
        _HOW.format(ours=conflict.ours, theirs=conflict.theirs),
        _listed("Files in conflict", conflict.files),
        _listed("What git says", conflict.messages),
        _sides(sides),
        f"## Rules\n\n{HOUSE_RULES}",
        must_pass(check),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _name(task: str, title: str) -> str:
    line = one_line(title)
    return f"{task} ({line})" if line and line != task else task


def _listed(title: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    item, said = "\n- ", [one_line(line, characters=500) for line in lines]
    return f"## {title}\n{item}{several(said, most=_FILES, separator=item)}"


def _sides(results: Sequence[SessionResult]) -> str:
    if not results:
        return ""
    why = [f"### {_name(result.task, result.title)}\n\n{markdown.block_quote(_said(result))}" for result in results]
    return "\n\n".join(["## What the tasks reported\n\nTheir words are quoted as they came.", *why])


def _said(result: SessionResult) -> str:
    text = clean(result.final_message).strip()
    return shorten(text, characters=_MESSAGE_CHARACTERS) if text else "(nothing)"
