"""Recorded sessions of the real claude, and lines as it would write them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from miyabi.claude import Transcript
from miyabi.claude.events import Event

FOLDER = Path(__file__).parents[2] / "cases" / "claude"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One recorded run: what it was called with, what it left, and what must come of it."""

    name: str
    stdout: bytes
    stderr: str
    expected: dict[str, Any]

    @property
    def transcript(self) -> Transcript:
        """All of its stdout, read."""
        return read(self.stdout)


def recording(name: str) -> Recording:
    """The recording of that name."""
    stderr = FOLDER / name / "stderr"
    return Recording(
        name=name,
        stdout=(FOLDER / name / "stdout").read_bytes(),
        stderr=stderr.read_text() if stderr.exists() else "",
        expected=_expected()[name],
    )


def names() -> list[str]:
    """The names of all recordings."""
    return sorted(_expected())


@cache
def _expected() -> dict[str, dict[str, Any]]:
    cases: dict[str, dict[str, Any]] = json.loads((FOLDER / "expected.json").read_text())
    return cases


def read(stdout: bytes) -> Transcript:
    """A transcript that was fed all of it, and its end."""
    transcript = Transcript()
    transcript.feed(stdout)
    transcript.finish()
    return transcript


def line(**event: Any) -> bytes:
    """One event as a line."""
    return json.dumps(event).encode() + b"\n"


def init(**fields: Any) -> bytes:
    """The line that begins a session."""
    return line(type="system", subtype="init", session_id="s", cwd="/w", model="m", slash_commands=["known"], **fields)


def assistant(*content: dict[str, Any], message_id: str = "m1", parent: str | None = None, **fields: Any) -> bytes:
    """One message of the model."""
    message = {"id": message_id, "content": list(content)}
    return line(type="assistant", message=message, parent_tool_use_id=parent, **fields)


def tool(name: str, **inputs: Any) -> dict[str, Any]:
    """The use of a tool, as a part of a message."""
    return {"type": "tool_use", "id": "u", "name": name, "input": inputs}


def result(**fields: Any) -> bytes:
    """A result event; a success unless the fields say otherwise."""
    success = {
        "subtype": "success",
        "is_error": False,
        "terminal_reason": "completed",
        "result": "done",
        "num_turns": 1,
    }
    return line(**(success | fields), type="result")


def actions(events: list[Event]) -> list[str]:
    """The names of the events' types."""
    return [type(event).__name__ for event in events]
