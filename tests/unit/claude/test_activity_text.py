from __future__ import annotations

import json

import pytest

from miyabi.claude import Transcript, readable
from tests.support.claude.recordings import names, recording

SECRET = "sk-ant-" + "api03-" + "a" * 40


def shown(stdout: bytes) -> list[str]:
    """A session's stream as people read it."""
    transcript = Transcript()
    events = transcript.feed(stdout)
    cwd = transcript.init.cwd if transcript.init else ""
    return [line for event in events for line in readable(event, cwd=cwd)]


def stream(*lines: dict[str, object]) -> bytes:
    """A stream of these events."""
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def use(tool: str, **given: str) -> dict[str, object]:
    """An event in which the agent uses a tool."""
    content = [{"type": "tool_use", "id": "1", "name": tool, "input": given}]
    return {"type": "assistant", "message": {"id": "m", "role": "assistant", "content": content}}


@pytest.mark.parametrize("name", names())
def test_every_recorded_session_can_be_read(name: str) -> None:
    """Each line of a recorded session is one line, without control characters."""
    assert all(line.isprintable() for line in shown(recording(name).stdout))


def test_files_are_named_from_the_worktree() -> None:
    """A file in the worktree stands without the worktree's path, another one with its own."""
    init = {"type": "system", "subtype": "init", "cwd": "/w/r1/a", "session_id": "s", "model": "m"}
    text = shown(stream(init, use("Write", file_path="/w/r1/a/src/x.py"), use("Read", file_path="/etc/hosts")))
    assert text == ["- started, m", "> Write: src/x.py", "> Read: /etc/hosts"]


def test_the_end_is_counted_in_words() -> None:
    """One turn is a turn, and a session that failed says why."""
    result = {"type": "result", "subtype": "success", "is_error": False, "num_turns": 1, "total_cost_usd": 0.5}
    failed = result | {"subtype": "error_during_execution", "is_error": True, "num_turns": 2, "errors": ["no\nway"]}
    assert shown(stream(result)) == ["= ended after 1 turn, $0.50"]
    assert shown(stream(failed)) == ["= ended with an error after 2 turns, $0.50", "  ! no", "  ! way"]


def test_secrets_are_not_shown() -> None:
    """What looks like a key is not in a line, whoever said it."""
    assert SECRET not in "".join(shown(stream(use("Bash", command=f"curl -H 'x-api-key: {SECRET}'"))))
