"""Whose work a second session reads, and that session: a small run of its own whose one task is the review."""

from __future__ import annotations

from typing import Any

from miyabi.claude import REVIEW_ARGUMENTS, REVIEW_TOOLS, review_prompt
from miyabi.dag import Node
from miyabi.runs.run import Run
from miyabi.sessions import Review, SessionResult, Verdict, reviewing
from miyabi.settings import ReviewSettings, Settings
from miyabi.text import count


async def review_run(live: Run, result: SessionResult) -> Run:
    """Makes the run whose one task is the review of a task's work. The same work always makes the same run.

    It is in the folder of the run that the task is of, and uses its connections.

    Args:
        live: that run.
        result: of the task, which succeeded.

    Raises:
        GitFailed: the work is not here.
        BadInput: run.json or a result.json of the folder is missing or damaged.
    """
    base, head = result.base or live.base, result.head or live.base
    diff = await live.repository.diff(base, head)
    node = reviewing_node(live.dag.by_id[result.task], result, settings=live.settings, diff=diff)
    return live.beside(node, settings=reviewing_settings(live.settings), base=head)


def to_review(live: Run, result: SessionResult) -> SessionResult:
    """Returns the result of an attempt, marked where its work is to be reviewed before it counts."""
    if not (result.succeeded and result.changes.files and live.is_reviewed(result.task)):
        return result
    return result.model_copy(update={"review": Review(verdict=Verdict.PENDING)})


def review_of(answer: SessionResult) -> Review:
    """Makes the review of what its session ended with: without an answer of the form asked for it is none."""
    if answer.succeeded and answer.review:
        return answer.review
    why = "its answer is not of the form that was asked for" if answer.succeeded else f"it ended as {answer.outcome}"
    said = f": {answer.error_text}" if answer.error_text else ""
    return Review(verdict=Verdict.UNREVIEWED, reason=f"{why}{said}")


def reviewing_settings(settings: Settings) -> Settings:
    """Returns those of a run for its reviews: without what is for work, and with what is said for reviews."""
    ours = settings.review
    sessions: dict[str, Any] = {
        "model": ours.model or settings.sessions.model,
        "permission_mode": "dontAsk",
        "allowed_tools": REVIEW_TOOLS,
        "disallowed_tools": (),
        "max_turns": ours.max_turns,
        "max_budget_usd": ours.max_budget_usd,
        "timeout_minutes": ours.timeout_minutes,
        **dict.fromkeys(("setup", "check", "append_system_prompt", "agent", "mcp_config")),
        **dict.fromkeys(("copy_files", "add_dirs", "plugins"), ()),
        "labels": {},
        "extra_args": (*REVIEW_ARGUMENTS, *settings.sessions.extra_args),
    }
    return settings.model_copy(
        update={
            "sessions": settings.sessions.model_copy(update=sessions),
            "runs": settings.runs.model_copy(update={"fail_fast": False, "fix_attempts": 0}),
            "review": ReviewSettings(),
        }
    )


def reviewing_node(of: Node, result: SessionResult, *, settings: Settings, diff: str) -> Node:
    """Makes the task's node with another name and prompt. No DAG file can have the name, so it is put in unchecked."""
    changes, own = result.changes, ("max_turns", "max_budget_usd", "timeout_minutes", "setup", "check", "command")
    size = f"{count(changes.commits, 'commit')} in {count(len(changes.files), 'file')}"
    ours: dict[str, Any] = {
        "id": reviewing(of.id, head=result.head or ""),
        "title": f"Review the work of {of.id}",
        "dependencies": (),
        "prompt": review_prompt(_asked(of), diff=diff, changes=size),
        "model": settings.review.model or of.model,
        "expect_changes": False,
        **dict.fromkeys((*own, "allowed_tools", "fix_attempts", "append_system_prompt", "add_dirs", "agent")),
        **dict.fromkeys(("plugins", "mcp_config", "requires_mcp")),
        "extra_args": None if of.extra_args is None else (*REVIEW_ARGUMENTS, *of.extra_args),
    }
    return of.model_copy(update=ours)


def _asked(node: Node) -> str:
    """What its session was asked, in words of the node's own."""
    parts = (node.title, node.description, node.prompt or node.command or "")
    return "\n\n".join(part.strip() for part in parts if part.strip())
