"""A merge that conflicts, or breaks the whole, becomes a session: a small run of its own with one task.

It starts from both sides, or on the merge; in the conversation that did the task's work where there is one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from miyabi.claude import HOUSE_RULES, must_pass
from miyabi.dag import Dag, Node
from miyabi.errors import MergeConflict
from miyabi.git import Repository
from miyabi.integration.conflict import Breakage, Conflict
from miyabi.runs import (
    LEAST_USD,
    Board,
    Continuation,
    Deadline,
    Run,
    RunFolder,
    budget_of,
    fix_attempts_of,
    spent_all,
)
from miyabi.sessions import BLAMELESS, Outcome, SessionResult, is_resolving, resolved_by, resolving
from miyabi.settings import Settings
from miyabi.text import clean, count, last_lines, markdown, one_line, render_markdown, several, shorten

_MAY_GO_WELL = BLAMELESS | {Outcome.KILLED, Outcome.STALLED}
"""Outcomes that say nothing of the work, so that the same session may go well another time."""


async def resolution_run(
    conflict: Conflict | Breakage, *, dag: Dag, folder: RunFolder, settings: Settings, repository: Repository
) -> Run | None:
    """Makes the run whose one task resolves the conflict, or mends it. The same always makes the same run.

    Args:
        conflict: what does not merge, or breaks the whole.
        dag: the tasks of the run that it is of; the fields of the one to be merged hold for the session.
        folder: the folder of that run, in which this one is kept too.
        settings: of the run.
        repository: where both sides are.

    Returns:
        None where nobody is to be asked: there is no conversation that it may go back to, and no session of its own.

    Raises:
        MergeConflict: it has gone back as often as it may, or nothing is left of the task's budget.
        BadInput: run.json or a result.json of the folder is missing or damaged.
    """
    of, results, info = dag.by_id[conflict.task], folder.results(), folder.info()
    last = {result.task: result for result in results}
    name = resolving(of.id, start=conflict.start)
    origin = _origin(last.get(of.id)) if fix_attempts_of(of, settings) else None
    if origin is None and (isinstance(conflict, Breakage) or not settings.integration.resolve_conflicts):
        return None
    limits = _limits(of, settings, results, name=name, conversation=origin.conversation) if origin else {}
    node = _node(conflict, of, name=name, results=[*last.values()], settings=settings).model_copy(update=limits)
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
        deadline=Deadline.of(settings, repository=repository.root, rehearse=info.rehearse),
        origins={node.id: origin} if origin else {},
    )


def _origin(result: SessionResult | None) -> Continuation | None:
    """Where the conversation is that did a task's work; None where there was none, or nothing was said in it."""
    if result is None or result.rehearsal or not (result.machine and result.conversation):
        return None
    return Continuation(machine=result.machine, conversation=result.conversation)


def _limits(
    of: Node, settings: Settings, results: Sequence[SessionResult], *, name: str, conversation: str | None
) -> Mapping[str, Any]:
    """What is left to the session: of the rounds that the task's work may go back, and of its budget.

    Raises:
        MergeConflict: nothing is, and the session was not begun before.
    """
    others = {r.task: r for r in results if is_resolving(r.task) and resolved_by(r.task) == of.id and r.task != name}
    rounds = sum(1 + result.fix_ups for result in others.values() if is_decided(result))
    spent_usd = sum(r.cost_usd for r in results if r.session_id == conversation and r.task != name)
    if all(result.task != name for result in results):
        if rounds >= fix_attempts_of(of, settings):
            raise MergeConflict(f"it has gone back to its conversation {count(rounds, 'time')}")
        if reason := spent_all(of, settings.sessions, spent_usd=spent_usd):
            raise MergeConflict(reason)
    budget = budget_of(of, settings.sessions)
    left = {"fix_attempts": max(fix_attempts_of(of, settings) - rounds - 1, 0)}
    return left | ({"max_budget_usd": max(budget - spent_usd, LEAST_USD)} if budget else {})


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


def _node(
    conflict: Conflict | Breakage, of: Node, *, name: str, results: Sequence[SessionResult], settings: Settings
) -> Node:
    """The task's node with another name and prompt. No DAG file can have the name, so it is put in unchecked."""
    files, check = set(conflict.files), of.check or settings.sessions.check
    sides = [r for r in results if r.task == of.id or (r.succeeded and files.intersection(r.changes.files))]
    if isinstance(conflict, Breakage):
        title, prompt = f"Mend what {of.id} breaks", mend_prompt(conflict, sides=sides, check=check)
    else:
        title, prompt = f"Resolve the conflict of {of.id}", resolve_prompt(conflict, sides=sides, check=check)
    ours = {
        "id": name,
        "title": title,
        "dependencies": (),
        "prompt": prompt,
        "command": None,
        "expect_changes": True,
    }
    return of.model_copy(update=ours)


_MESSAGE_CHARACTERS = 2_000
_FILES = 50
_OUTPUT_LINES, _OUTPUT_BYTES = 100, 16_384

_HOW = """\
Your checkout stands on a commit that already joins both sides: you need no `git merge`. The files in conflict hold \
git's conflict markers. The lines after `<<<<<<< {ours}` are what was merged so far, \
the lines before `>>>>>>> {theirs}` are what this task did. It is the current directory, and another checkout than the \
one in which the task was done.
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


def mend_prompt(breakage: Breakage, *, sides: Sequence[SessionResult] = (), check: str | None = None) -> str:
    """Composes the message that starts the session which mends what a merge breaks. As `resolve_prompt`."""
    title = one_line(breakage.title)
    text = render_markdown(
        "integration/mend.md.jinja",
        breakage=breakage,
        task=breakage.task,
        title=title if title != breakage.task else "",
        output=last_lines(breakage.output, lines=_OUTPUT_LINES, size=_OUTPUT_BYTES),
        words="\n\n".join(_said(result) for result in sides),
    )
    parts = [text.rstrip(), f"## Rules\n\n{HOUSE_RULES}", must_pass(check)]
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
