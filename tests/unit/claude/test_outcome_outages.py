"""A session that ran into its time limit while the API failed has met an outage, not a task that is too large."""

from __future__ import annotations

import pytest

from miyabi.attempts import Next, Outage, next_step
from miyabi.claude import Evidence
from miyabi.claude.outcome import decide
from miyabi.sessions import Outcome, SessionResult
from tests.support.claude.recordings import assistant, init, line, names, read, recording, result, tool

TIMED_OUT = Evidence(agent_exit=143, ended_by="timeout", machine="mini1", task="t1", timeout_seconds=1800)
SAYS = {"type": "text", "text": "I look around"}


def retry(attempt: int = 1, *, status: int | None = 529, error: str = "overloaded") -> bytes:
    """The API failed and is asked again."""
    delay = 500 * 2**attempt
    return line(
        type="system",
        subtype="api_retry",
        attempt=attempt,
        max_retries=10,
        retry_delay_ms=delay,
        error_status=status,
        error=error,
    )


def tool_result() -> bytes:
    """What a tool gave."""
    content = [{"type": "tool_result", "tool_use_id": "u", "content": "ok"}]
    return line(type="user", message={"role": "user", "content": content})


@pytest.mark.parametrize(
    ("stream", "kind", "words"),
    [
        (retry(), "overloaded", "(529 overloaded)"),
        (retry(status=None, error="unknown"), "network", "(no answer)"),
        (retry(status=500, error="server_error") * 3, "server_error", "(500 server_error)"),
        (retry(status=429, error="rate_limit"), "rate_limit", "(429 rate_limit)"),
        (assistant(SAYS) + retry() + retry(2), "overloaded", "(529 overloaded)"),
        (assistant(tool("Bash")) + tool_result() + retry(status=None, error="") * 2, "network", "(no answer)"),
        (result() + assistant(SAYS, message_id="m2") + retry() + retry(2), "overloaded", "(529 overloaded)"),
    ],
)
def test_an_api_that_fails_until_the_time_limit(stream: bytes, kind: str, words: str) -> None:
    """It is said as that, with what the API said, and another time may go well."""
    word = decide(read(init() + stream), TIMED_OUT)
    assert (word.outcome, word.error_kind) == (Outcome.API_UNAVAILABLE, kind)
    assert str(word.error_text).startswith(
        f"the session ran into its time limit of 30 min while the API failed {words}"
    )


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        assistant(SAYS),
        retry() + retry(2) + assistant(SAYS),
        retry() * 9 + assistant(tool("Bash")),
        assistant(tool("Bash")) + retry() * 3 + tool_result(),
        assistant(SAYS) + retry(),
        retry() * 3 + result(),
    ],
)
def test_an_api_that_works_again(stream: bytes) -> None:
    """What came after the failures, or a single one after some work, makes it the session's own time."""
    assert decide(read(init() + stream), TIMED_OUT).outcome is Outcome.TIMED_OUT


def test_a_login_that_the_api_refuses_until_the_time_limit() -> None:
    """It is told as that: no waiting helps."""
    word = decide(read(init() + retry(status=401, error="authentication_failed")), TIMED_OUT)
    assert word.outcome is Outcome.NOT_LOGGED_IN


def test_a_stop_is_a_stop() -> None:
    """Whatever the API does meanwhile."""
    evidence = Evidence(agent_exit=143, ended_by="stop")
    assert decide(read(init() + retry() * 3), evidence).outcome is Outcome.STOPPED


TRIED_AGAIN = [name for name in names() if b'"api_retry"' in recording(name).stdout]


@pytest.mark.parametrize("name", TRIED_AGAIN)
def test_recorded_outages_that_are_cut_short(name: str) -> None:
    """Where a recorded session is ended after its last try, it has met an outage or a refusal, and no limit of ours."""
    whole = recording(name).stdout.split(b"\n")
    tries = [number for number, each in enumerate(whole) if b'"api_retry"' in each]
    word = decide(read(b"\n".join(whole[: tries[-1] + 1]) + b"\n"), TIMED_OUT)
    assert word.outcome in {Outcome.API_UNAVAILABLE, Outcome.NOT_LOGGED_IN}


@pytest.mark.parametrize(("usd", "step"), [(0.0, Next.WAIT), (0.4, Next.RESUME_HERE)])
def test_it_is_waited_for(usd: float, step: Next) -> None:
    """Without burning an attempt where nothing was spent; else the conversation goes on, as one attempt more."""
    met = SessionResult(run="r1", task="a", outcome=Outcome.API_UNAVAILABLE, error_kind="overloaded", cost_usd=usd)
    waits = Outage().within_grace(met, now=0, patience_seconds=3600)
    found = next_step(met, attempts=1, max_attempts=2, other_machines=True, wait_until=0, waits_out_outage=waits)
    assert found is step
