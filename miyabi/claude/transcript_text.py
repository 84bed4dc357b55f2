"""A session's events as lines for people. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from miyabi.claude.activity import action
from miyabi.claude.events import AssistantText, Event, Result, ToolResult, ToolUse
from miyabi.text.redact import redact
from miyabi.text.sanitize import clean
from miyabi.text.units import count

_LONG = 1000


def readable(event: Event, *, cwd: str = "") -> Iterator[str]:
    """What the event says, a line at a time; nothing for events that tell a person nothing.

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
    yield f"= {how} after {count(event.turns, 'turn')}, ${event.total_cost_usd:.2f}"
    for error in event.errors:
        yield from _indented(error, first="  ! ")


def _indented(text: str, *, first: str) -> Iterator[str]:
    for line in clean(redact(text)).splitlines():
        yield f"{first}{line}".rstrip()
