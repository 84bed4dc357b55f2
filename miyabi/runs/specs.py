"""A node and the settings become a session's spec; what came before, and what the task is, its message."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from miyabi.claude import earlier_attempts, fix_up, go_on, left_words
from miyabi.dag import Node
from miyabi.runs.budget import LEAST_USD, budget_of
from miyabi.runs.costs import Allowance
from miyabi.runs.fix_up import LEAST_SHARE, failed_before, fix_attempts_of, used
from miyabi.runs.options import options_of
from miyabi.sessions import Outcome, SessionResult, SessionSpec, TakenUp
from miyabi.settings import SessionDefaults, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What came before an attempt.

    Args:
        attempts: those of the task that are over, in their order.
        fix_ups: how often, with the attempt to come, a failure goes back to the conversation.
        spent_usd: what counts against the budget already: claude counts only what it spends from now on.
        allowance: what the budgets leave for it, besides its own.
        last_lines: reads what an attempt's check printed last, without secrets.
    """

    attempts: Sequence[SessionResult] = ()
    fix_ups: int = 0
    spent_usd: float = 0.0
    allowance: Allowance = field(default_factory=Allowance)
    last_lines: Callable[[SessionResult], str] = lambda _: ""


_NOTHING = Earlier()


def spec_for(
    node: Node,
    settings: Settings,
    *,
    run: str,
    run_id: str = "",
    attempt: int,
    prompt: str,
    base: str,
    taken_up: TakenUp | None = None,
    author: tuple[str, str],
    conversation: str | None,
    earlier: Earlier = _NOTHING,
    rehearse: bool,
    root: Path = Path(),
) -> SessionSpec:
    """Makes the spec of one attempt: what the node says wins over what the settings say.

    `prompt` says what the task is. `root` is the folder from which the node's files are named, `taken_up` what the task
    has of an earlier run's work on it.

    Raises:
        DagError: as `options_of`.
    """
    limits = _limits(node, settings.sessions, earlier=earlier)
    return SessionSpec(
        run=run,
        run_id=run_id,
        task=node.id,
        title=node.title,
        attempt=attempt,
        resumes=conversation,
        fix_ups=earlier.fix_ups,
        **_messages(prompt, node, settings, limits=limits, base=base, conversation=conversation, earlier=earlier),
        rehearse=rehearse,
        rehearsal_seconds=settings.runs.rehearsal_seconds_per_minute * node.estimated_duration,
        base=base,
        start_commit=taken_up.commit if taken_up else "",
        earlier_branch=taken_up.work.branch if taken_up and taken_up.commit else "",
        author_name=author[0],
        author_email=author[1],
        **limits,
        **_surroundings(node, settings.sessions),
        **options_of(node, settings.sessions, root=root),
    )


def _messages(
    prompt: str,
    node: Node,
    settings: Settings,
    *,
    limits: Mapping[str, Any],
    base: str,
    conversation: str | None,
    earlier: Earlier,
) -> dict[str, str]:
    """What the attempt begins with: the task and what was done before; where it goes on, that, or what failed."""
    left = left_words(seconds=limits["timeout_seconds"], turns=limits["max_turns"], usd=limits["max_budget_usd"])
    check, attempts, fix_ups = node.check or settings.sessions.check, earlier.attempts, earlier.fix_ups
    anew = prompt
    worked = [each for each in attempts if each.turns or (each.head and each.head != each.base)]
    if worked and not prompt.startswith("/"):  # a command is one only where it is the whole message
        red = next((each for each in reversed(worked) if each.outcome is Outcome.CHECK_FAILED), None)
        output = earlier.last_lines(red) if red else ""
        anew = f"{prompt.rstrip()}\n\n{earlier_attempts(worked, base=base, check=check, output=output, left=left)}"
    if not conversation:
        return {"prompt": anew}
    failed = failed_before(attempts, fix_ups) if fix_ups else None
    if failed is None:
        return {"prompt": go_on(prompt) if attempts else prompt, "prompt_anew": anew}
    tools, most = _surroundings(node, settings.sessions)["allowed_tools"], fix_attempts_of(node, settings)
    output = earlier.last_lines(failed)
    text = fix_up(failed, number=fix_ups, most=most, check=check, output=output, tools=tools, left=left)
    return {"prompt": text if attempts[-1].attempt == failed.attempt else go_on(text), "prompt_anew": anew}


def _limits(node: Node, defaults: SessionDefaults, *, earlier: Earlier) -> dict[str, Any]:
    """What is left of the budgets; of turns and seconds too, where what failed is mended."""
    budget, most_turns = budget_of(node, defaults), node.max_turns or defaults.max_turns
    own, allowed = budget and max(budget - earlier.spent_usd, LEAST_USD), earlier.allowance
    is_less = allowed.usd is not None and (own is None or allowed.usd < own)
    seconds = 60 * (node.timeout_minutes or defaults.timeout_minutes)
    used_turns, used_seconds = used(earlier.attempts) if earlier.fix_ups else (0, 0.0)
    return {
        "max_turns": most_turns and max(most_turns - used_turns, 1),
        "max_budget_usd": allowed.usd if is_less else own,
        "budget_setting": allowed.usd_setting if is_less else "",
        "max_tokens": allowed.tokens,
        "tokens_setting": allowed.tokens_setting,
        "timeout_seconds": max(seconds - used_seconds, LEAST_SHARE * seconds),
        "linger_seconds": defaults.linger_seconds,
        "stall_seconds": 60 * defaults.stall_minutes,
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
        "setup": (("", node.setup),) if node.setup else defaults.setups,
        "check": node.check or defaults.check,
        "expect_changes": node.expect_changes,
        "environment": tuple(sorted(defaults.environment.items())),
        "oauth_token_file": defaults.oauth_token_file,
        "auto_memory": defaults.auto_memory,
    }
