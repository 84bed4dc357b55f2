"""A node of the DAG and the settings become a session's spec."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from miyabi.claude import go_on
from miyabi.dag import Node
from miyabi.runs.budget import LEAST_USD, budget_of
from miyabi.runs.options import options_of
from miyabi.sessions import SessionSpec, TakenUp
from miyabi.settings import SessionDefaults, Settings


def spec_for(
    node: Node,
    settings: Settings,
    *,
    run: str,
    run_id: str = "",
    attempt: int,
    prompt: str,
    base: str,
    earlier: TakenUp | None = None,
    author: tuple[str, str],
    conversation: str | None,
    spent_usd: float = 0.0,
    rehearse: bool,
    root: Path = Path(),
) -> SessionSpec:
    """Makes the spec of one attempt: what the node says wins over what the settings say.

    `spent_usd` is what counts against the budget already: claude counts only what it spends from now on. `root` is the
    folder from which the node's files are named, `earlier` what the task has of an earlier run's work on it.

    Raises:
        DagError: as `options_of`.
    """
    return SessionSpec(
        run=run,
        run_id=run_id,
        task=node.id,
        title=node.title,
        attempt=attempt,
        resumes=conversation,
        prompt=go_on(prompt) if conversation else prompt,
        rehearse=rehearse,
        rehearsal_seconds=settings.runs.rehearsal_seconds_per_minute * node.estimated_duration,
        base=base,
        start_commit=earlier.commit if earlier else "",
        earlier_branch=earlier.work.branch if earlier and earlier.commit else "",
        author_name=author[0],
        author_email=author[1],
        **_limits(node, settings.sessions, spent_usd=spent_usd),
        **_surroundings(node, settings.sessions),
        **options_of(node, settings.sessions, root=root),
    )


def _limits(node: Node, defaults: SessionDefaults, *, spent_usd: float) -> dict[str, Any]:
    budget = budget_of(node, defaults)
    return {
        "max_turns": node.max_turns or defaults.max_turns,
        "max_budget_usd": budget and max(budget - spent_usd, LEAST_USD),
        "timeout_seconds": 60 * (node.timeout_minutes or defaults.timeout_minutes),
        "linger_seconds": defaults.linger_seconds,
        "setup_timeout_seconds": 60 * defaults.setup_timeout_minutes,
        "check_timeout_seconds": 60 * defaults.check_timeout_minutes,
        "max_file_bytes": round(1_000_000 * defaults.max_file_mb),
    }


def _surroundings(node: Node, defaults: SessionDefaults) -> dict[str, Any]:
    return {
        "model": node.model or defaults.model,
        "permission_mode": defaults.permission_mode,
        "allowed_tools": node.allowed_tools if node.allowed_tools is not None else defaults.allowed_tools,
        "disallowed_tools": defaults.disallowed_tools,
        "setup": _setup(node, defaults),
        "check": node.check or defaults.check,
        "expect_changes": node.expect_changes,
        "environment": tuple(sorted(defaults.environment.items())),
        "oauth_token_file": defaults.oauth_token_file,
        "auto_memory": defaults.auto_memory,
    }


def _setup(node: Node, defaults: SessionDefaults) -> tuple[tuple[str, str], ...]:
    """The node's own, or that of all sessions and then those of labels."""
    if node.setup:
        return (("", node.setup),)
    given = {"": defaults.setup, **{label: each.setup for label, each in defaults.labels.items()}}
    return tuple((label, command) for label, command in given.items() if command)
