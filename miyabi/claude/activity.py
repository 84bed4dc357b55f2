"""What claude does, in words: the last action in a few, a transcript in lines."""

from __future__ import annotations

from collections.abc import Iterator

from miyabi.claude.events import (
    ApiFailure,
    ApiRetry,
    AssistantText,
    BackgroundTasks,
    Event,
    Init,
    PermissionDenied,
    RateLimit,
    Result,
    ToolResult,
    ToolUse,
)
from miyabi.text import clean, cost, count, one_line, redact

_LONGEST_SUBJECT = 1000  # characters looked at, far more than are shown


def has_text(event: Event) -> bool:
    """Returns whether `action` has something to say of the event."""
    match event:
        case RateLimit():
            return event.status == "rejected"
        case BackgroundTasks():
            return event.count > 0
        case AssistantText():
            return bool(event.text.strip())
        case ToolUse() | ApiRetry() | PermissionDenied() | ApiFailure() | Init() | Result():
            return True
    return False


def action(event: Event, *, cwd: str = "", characters: int = 100) -> str:
    """Says the event in one line, such as `Bash: pytest -q` or `Edit: src/a.py`; empty for other events."""
    return one_line(redact(_say(event, cwd)), characters=characters) if has_text(event) else ""


def _say(event: Event, cwd: str) -> str:  # noqa: PLR0911 - a table
    match event:
        case ToolUse():
            return tool_use_text(event.tool, event.subject, cwd=cwd)
        case AssistantText():
            return event.text[:_LONGEST_SUBJECT]
        case ApiRetry():
            reason = event.status or event.error or "network"
            return f"API failed ({reason}), try {event.attempt} of {event.max_retries} in {event.delay_seconds:.0f} s"
        case RateLimit():
            return f"usage limit until {event.resets_at:%H:%M} UTC" if event.resets_at else "API throttles us"
        case PermissionDenied():
            return tool_use_text("denied", event.tool)
        case ApiFailure():
            return event.text[:_LONGEST_SUBJECT]
        case BackgroundTasks():
            return f"{event.count} in the background"
        case Init():
            return f"started, {event.model}" if event.model else "started"
        case Result():
            return "ended with an error" if event.is_error else "ended"
    return ""


def tool_use_text(tool: str, subject: str, *, cwd: str = "") -> str:
    """Says in words how a tool is used; files below `cwd` without it."""
    inside = subject.removeprefix(cwd.rstrip("/") + "/") if cwd else subject
    return f"{tool}: {inside[:_LONGEST_SUBJECT]}" if subject else tool


_LONG = 1000


def readable(event: Event, *, cwd: str = "") -> Iterator[str]:
    """Yields what the event says, a line at a time; nothing for events that say nothing to a person.

    Files below `cwd` are named without it.
    """
    match event:
        case AssistantText():
            yield from _indented(event.text, first="  " if event.nested else "")
        case ToolUse():
            yield f"{'  ' if event.nested else ''}> {action(event, cwd=cwd, characters=_LONG)}"
        case ToolResult() if event.is_error:
            yield "  ! it failed"
        case Result():
            yield from _result(event)
        case _:
            if said := action(event, characters=_LONG):
                yield f"- {said}"


def _result(event: Result) -> Iterator[str]:
    how = "ended with an error" if event.is_error else "ended"
    yield f"= {how} after {count(event.turns, 'turn')}, ${cost(event.total_cost_usd)}"
    for error in event.errors:
        yield from _indented(error, first="  ! ")


def _indented(text: str, *, first: str) -> Iterator[str]:
    for line in clean(redact(text)).splitlines():
        yield f"{first}{line}".rstrip()
