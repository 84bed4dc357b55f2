from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from miyabi.claude import Evidence
from miyabi.claude.known_failures import STARTUP_FAULTS
from miyabi.claude.outcome import decide
from miyabi.sessions import Outcome
from tests.support.claude.recordings import assistant, init, line, read, result, tool

GOOD = Evidence(agent_exit=0, commits=1, machine="mini1", task="t1")
FIRST = init() + assistant({"type": "text", "text": "x"}) + result()
SECOND = init() + assistant({"type": "text", "text": "y"}, message_id="m2")


def outcome(stream: bytes, evidence: Evidence = GOOD) -> tuple[Outcome, str | None]:
    """Outcome and kind."""
    decision = decide(read(stream), evidence)
    return decision.outcome, decision.error_kind


@pytest.mark.parametrize(
    "rest",
    [init(), SECOND, assistant(tool("Bash", command="ls"), message_id="m2"), b'{"type":"assistant","mess'],
)
@pytest.mark.parametrize(
    ("status", "kind"), [(0, "cut_off"), (143, "killed"), (1, "cut_off"), (None, "no_exit_status")]
)
def test_a_later_turn_that_was_cut_off(rest: bytes, status: int | None, kind: str) -> None:
    """The result of an earlier turn makes no success of one that never came to its own."""
    assert outcome(FIRST + rest, replace(GOOD, agent_exit=status)) == (Outcome.KILLED, kind)


@pytest.mark.parametrize(
    "rest",
    [
        SECOND + result(),
        line(type="system", subtype="task_notification", task_id="a", status="completed"),
        assistant({"type": "text", "text": "of a subagent"}, message_id="m3", parent="u"),
        b"Goodbye",
        result(),
    ],
)
def test_what_comes_after_a_result_and_is_no_turn(rest: bytes) -> None:
    """A turn with a result of its own, news of tasks and foreign words leave the success as it is."""
    assert outcome(FIRST + rest) == (Outcome.SUCCEEDED, None)


@pytest.mark.parametrize("status", [0, 143, 137, None])
def test_one_that_lingered(status: int | None) -> None:
    """One that we ended after its last result is judged by that, its commits and check; not by its exit status."""
    lingered = replace(GOOD, ended_by="lingered", agent_exit=status)
    assert outcome(FIRST, lingered) == (Outcome.SUCCEEDED, None)
    assert outcome(FIRST + init(), lingered) == (Outcome.SUCCEEDED, None)
    assert outcome(FIRST, replace(lingered, commits=0))[0] is Outcome.NO_CHANGES
    assert outcome(FIRST, replace(lingered, check_asked=True, check_exit=1))[0] is Outcome.CHECK_FAILED
    failed = init() + result(is_error=True, terminal_reason="hook_stopped")
    assert outcome(failed, lingered) == (Outcome.AGENT_ERROR, "hook_stopped")


def denied(name: str, use: str) -> bytes:
    """A use of a tool that is denied."""
    content = {"type": "tool_use", "id": use, "name": name, "input": {}}
    return assistant(content, message_id=use) + line(
        type="system", subtype="permission_denied", tool_name=name, tool_use_id=use
    )


def missing(name: str, use: str) -> bytes:
    """A use of a tool that there is not."""
    content = {"type": "tool_use", "id": use, "name": name, "input": {}}
    answer = {
        "type": "tool_result",
        "is_error": True,
        "tool_use_id": use,
        "content": f"<tool_use_error>Error: No such tool available: {name}</tool_use_error>",
    }
    return assistant(content, message_id=use) + line(type="user", message={"content": [answer]})


@pytest.mark.parametrize(
    ("uses", "expected"),
    [
        (denied("Bash", "1"), (Outcome.PERMISSION_DENIED, "permission_denied")),
        (denied("Bash", "1") + denied("Edit", "2"), (Outcome.PERMISSION_DENIED, "permission_denied")),
        (missing("mcp__x__y", "1"), (Outcome.PERMISSION_DENIED, "missing_tools")),
        (denied("Bash", "1") + missing("Ask", "2"), (Outcome.PERMISSION_DENIED, "missing_tools")),
        (denied("Bash", "1") + assistant(tool("Read"), message_id="r"), (Outcome.SUCCEEDED, None)),
        (b"", (Outcome.SUCCEEDED, None)),
    ],
)
def test_a_task_without_changes_that_was_allowed_nothing(uses: bytes, expected: tuple[Outcome, str | None]) -> None:
    """Where no change is expected, a session whose every tool was denied or missing has not done its task either."""
    assert outcome(init() + uses + result(), replace(GOOD, commits=0, expect_changes=False)) == expected


@pytest.mark.parametrize("reason", ["blocking_limit", "prompt_too_long"])
def test_a_prompt_that_is_too_long(reason: str) -> None:
    """It is told to be shortened, never to be reworded."""
    failure = assistant({"type": "text", "text": "x"}, is_api_error_message=True, error="invalid_request")
    stream = init() + failure + result(is_error=True, terminal_reason=reason, result="Prompt is too long")
    decision = decide(read(stream), GOOD)
    assert (decision.outcome, decision.error_kind) == (Outcome.API_REFUSED, "prompt_too_long")
    assert "shorten" in str(decision.error_text)
    assert "reword" not in str(decision.error_text)


def test_more_than_claude_reads() -> None:
    """A prompt beyond its limit on stdin is a prompt that is too long."""
    evidence = replace(
        GOOD, agent_exit=1, stderr="Error: piped stdin input exceeds 10MB. Pass large content as a file."
    )
    assert outcome(b"", evidence) == (Outcome.API_REFUSED, "prompt_too_long")


STARTUP: dict[str, Any] = {
    "subtype": "error_during_execution",
    "is_error": True,
    "terminal_reason": "",
    "result": "",
    "num_turns": 0,
    "errors": ["It is told in words of its own."],
}


@pytest.mark.parametrize("reason", sorted(STARTUP_FAULTS))
def test_each_reason_for_not_starting(reason: str) -> None:
    """Every reason that claude gives for not starting has a meaning and a next step of its own."""
    decision = decide(read(result(**STARTUP, startup_failure_reason=reason)), replace(GOOD, agent_exit=1))
    assert (decision.outcome, decision.error_kind) == (STARTUP_FAULTS[reason].outcome, STARTUP_FAULTS[reason].kind)
    assert str(decision.error_text).startswith("It is told in words of its own; ")
    assert "{" not in str(decision.error_text)


def test_a_reason_that_nobody_knows() -> None:
    """One of a later version is a launch that failed, with claude's own words."""
    stream = result(**STARTUP, startup_failure_reason="brand_new")
    assert outcome(stream, replace(GOOD, agent_exit=1)) == (Outcome.LAUNCH_FAILED, "launch_failed")


@pytest.mark.parametrize("error", ["verification_required", "cloud_credential_error"])
def test_credentials_that_a_person_has_to_see_to(error: str) -> None:
    """Both are the machine's login, and say what to do."""
    failure = assistant({"type": "text", "text": "x"}, is_api_error_message=True, error=error, api_error_status=403)
    stream = init() + failure + result(is_error=True, terminal_reason="api_error", api_error_status=403)
    assert outcome(stream, replace(GOOD, agent_exit=1)) == (Outcome.NOT_LOGGED_IN, error)
