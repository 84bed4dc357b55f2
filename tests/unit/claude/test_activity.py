from __future__ import annotations

import pytest

from miyabi.claude import Transcript
from tests.support.claude.recordings import assistant, init, line, recording, result, tool


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (init(), "started, m"),
        (assistant(tool("Bash", command="pytest -q", description="Run the tests")), "Bash: pytest -q"),
        (assistant(tool("Edit", file_path="/w/src/a.py", old_string="x")), "Edit: src/a.py"),
        (assistant(tool("Read", file_path="/etc/hosts")), "Read: /etc/hosts"),
        (assistant(tool("Grep", pattern="TODO", path="/w/src")), "Grep: TODO"),
        (assistant(tool("TodoWrite", todos=[])), "TodoWrite"),
        (assistant(tool("Bash", command="cat <<'X'\nline\nX")), "Bash: cat <<'X' line X"),
        (assistant({"type": "text", "text": "I will\ncommit."}), "I will commit."),
        (line(type="system", subtype="permission_denied", tool_name="Bash"), "denied: Bash"),
        (line(type="system", subtype="background_tasks_changed", tasks=[{}, {}]), "2 in the background"),
        (
            line(type="system", subtype="api_retry", attempt=2, max_retries=10, retry_delay_ms=4100, error_status=529),
            "API failed (529), try 2 of 10 in 4 s",
        ),
        (
            line(type="rate_limit_event", rate_limit_info={"status": "rejected", "resetsAt": 1799999999}),
            "usage limit until 07:59 UTC",
        ),
        (line(type="rate_limit_event", rate_limit_info={"status": "rejected"}), "API throttles us"),
        (result(), "ended"),
        (result(is_error=True), "ended with an error"),
    ],
)
def test_last_action(stream: bytes, said: str) -> None:
    """What the agent does now is told in a few words, files without the worktree's path."""
    transcript = Transcript()
    transcript.feed(init() + stream)
    assert transcript.last_action == said


def test_stays() -> None:
    """Events that tell nothing of the kind leave the last action as it is."""
    transcript = Transcript()
    quiet = line(type="rate_limit_event", rate_limit_info={"status": "allowed"})
    quiet += line(type="user", message={"content": [{"type": "tool_result"}]}) + line(type="new")
    transcript.feed(init() + assistant(tool("Bash", command="make")) + quiet)
    assert transcript.last_action == "Bash: make"


def test_fit_for_a_table() -> None:
    """It is short, and shows neither secrets nor control characters."""
    transcript = Transcript()
    command = "curl -H 'Authorization: Bearer a1B2c3D4e5F6g7H8i9J0' \x1b[31m" + "x" * 500
    transcript.feed(assistant(tool("Bash", command=command)))
    assert transcript.last_action.startswith("Bash: curl -H 'Authorization: Bearer [redacted]' xxx")
    assert len(transcript.last_action) == 100


def test_killed_in_a_tool() -> None:
    """Of a session that was killed the last action is what it was killed in."""
    assert recording("sig_kill_bash").transcript.last_action.startswith("Bash: python3 -c")
