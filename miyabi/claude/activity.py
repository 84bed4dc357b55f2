"""What an agent does now, in a few words for a live table."""

from __future__ import annotations

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
    ToolUse,
)
from miyabi.text.redact import redact
from miyabi.text.sanitize import one_line

_LONGEST_SUBJECT = 1000  # characters looked at, far more than are shown


def tells(event: Event) -> bool:
    """Whether `action` has something to say of the event."""
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
    """One line such as `Bash: pytest -q` or `Edit: src/a.py`; empty where the event says nothing of the kind."""
    return one_line(redact(_say(event, cwd)), characters=characters) if tells(event) else ""


def _say(event: Event, cwd: str) -> str:  # noqa: PLR0911 - a table
    match event:
        case ToolUse():
            return told(event.tool, event.subject, cwd=cwd)
        case AssistantText():
            return event.text[:_LONGEST_SUBJECT]
        case ApiRetry():
            reason = event.status or event.error or "network"
            return f"API failed ({reason}), try {event.attempt} of {event.max_retries} in {event.delay_seconds:.0f} s"
        case RateLimit():
            return f"usage limit until {event.resets_at:%H:%M} UTC" if event.resets_at else "API throttles us"
        case PermissionDenied():
            return told("denied", event.tool)
        case ApiFailure():
            return event.text[:_LONGEST_SUBJECT]
        case BackgroundTasks():
            return f"{event.count} in the background"
        case Init():
            return f"started, {event.model}" if event.model else "started"
        case Result():
            return "ended with an error" if event.is_error else "ended"
    return ""


def told(tool: str, subject: str, *, cwd: str = "") -> str:
    """A use of a tool in words; files below `cwd` without it."""
    inside = subject.removeprefix(cwd.rstrip("/") + "/") if cwd else subject
    return f"{tool}: {inside[:_LONGEST_SUBJECT]}" if subject else tool
