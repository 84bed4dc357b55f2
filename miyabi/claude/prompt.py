"""The prompt that a session begins with. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from miyabi.claude.earlier_try import earlier_try
from miyabi.dag import Node
from miyabi.sessions import Outcome, SessionResult, TakenUp, left_there_words, strays_words
from miyabi.text import clean, markdown, one_line, several, shorten

HOUSE_RULES = """\
You work alone and unattended in a git repository of your own; nobody can answer questions. When something is unclear, \
take the most reasonable reading and say so at the end.
- Work only inside the current directory. Stay on the current branch, make no worktrees, and leave other clones alone.
- Commit your work on the current branch, in small commits with clear messages. Do not push.
- Leave nothing running: no background process may outlive you.
- At the end say in a few sentences what you did, what you left out and how you checked it."""

_MESSAGE_CHARACTERS = 2_000
_ALL_MESSAGES_CHARACTERS = 24_000
_FILES = 30


def compose(
    node: Node,
    *,
    upstream: Sequence[SessionResult] = (),
    house_rules: str = HOUSE_RULES,
    check: str | None = None,
    taken_up: TakenUp | None = None,
) -> str:
    """Composes the message that starts the session; `check` is what must pass where the node itself says nothing.

    A node's own `prompt` or `command` is passed exactly as it stands: a slash command must be the whole message.
    Otherwise the message has the node's title, issue and description, what an earlier run made of it, what its
    upstreams did, and the house rules.
    """
    own = node.prompt or node.command
    if own:
        return own
    tried = earlier_try(taken_up) if taken_up else ""
    parts = [_task(node), tried, *_earlier(upstream), _section("Rules", house_rules), must_pass(node.check or check)]
    return "\n\n".join(part for part in parts if part) + "\n"


def go_on(prompt: str) -> str:
    """Composes the message that takes up a conversation again which `prompt` began."""
    return f"You were interrupted. Look at where you are, and go on with your task to its end. It was:\n\n{prompt}"


def must_pass(check: str | None) -> str:
    """Says which command has to pass when the session is done; nothing of none."""
    if not check:
        return ""
    return f"When you are done, this command is run in your checkout and must pass:\n\n{markdown.block_quote(check)}"


def _section(title: str, text: str) -> str:
    return f"## {title}\n\n{text.strip()}" if text.strip() else ""


def _task(node: Node) -> str:
    issue = f"It is issue #{node.issue}." if node.issue else ""
    parts = (f"# Task: {node.title or node.id}", issue, node.description.strip())
    return "\n\n".join(part for part in parts if part)


def _earlier(upstream: Sequence[SessionResult]) -> list[str]:
    """What the tasks before this one did; their commits are already in the checkout."""
    if not upstream:
        return []
    share = min(_MESSAGE_CHARACTERS, _ALL_MESSAGES_CHARACTERS // len(upstream))
    said = "Your task builds on these. What they committed is in your checkout; their reports are quoted as they came."
    return [f"## Earlier tasks\n\n{said}", *(_result(result, characters=share) for result in upstream)]


def _result(result: SessionResult, *, characters: int) -> str:
    title = one_line(result.title, characters=200)
    name = f"{result.task}: {title}" if title and title != result.task else result.task
    branch = f", branch {result.branch}" if result.branch else ""
    outcome = "" if result.outcome is Outcome.SUCCEEDED and not result.error_text else f"\n{_failure(result)}"
    parts = (
        f"### {name}\n\nOutcome: {result.outcome}{branch}{outcome}",
        *_elsewhere(result),
        _files(result.changes.files),
        markdown.block_quote(shorten(clean(result.final_message).strip(), characters=characters)),
    )
    return "\n\n".join(part for part in parts if part)


def _elsewhere(result: SessionResult) -> list[str]:
    """What it did that is not in the checkout of whoever builds on it."""
    sentences = []
    if result.strays:
        sentences.append(f"Beside that branch, so not in your checkout: {strays_words(result.strays)}.")
    if result.left_there:
        there = left_there_words(result.left_there, machine=result.machine or "its machine")
        sentences.append(f"Not in your checkout: {there}.")
    return sentences


def _failure(result: SessionResult) -> str:
    return f"Trouble: {one_line(result.error_text or 'not told', characters=300)}"


def _files(files: Sequence[str]) -> str:
    if not files:
        return ""
    item = "\n- "
    return f"Changed files:{item}{several([one_line(file) for file in files], most=_FILES, separator=item)}"
