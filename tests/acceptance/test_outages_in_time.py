"""The real claude, and an API that fails until the session runs into its time limit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from miyabi.sessions import Outcome
from tests.support.claude.messages_api import MessagesApi
from tests.support.claude.real import claude_binary, claude_environment
from tests.support.values.runs import Workshop, workshop  # noqa: F401 - a fixture


@pytest.fixture
def api() -> Iterator[MessagesApi]:
    """The scripted API."""
    with MessagesApi() as served:
        yield served


@pytest.mark.parametrize(
    ("scenario", "words"),
    [("hang", "no answer"), ("error500", "500 server_error"), ("overloaded529", "529 overloaded")],
)
async def test_an_api_that_fails_until_the_time_limit(
    workshop: Workshop, api: MessagesApi, scenario: str, words: str
) -> None:
    """One that hangs, breaks or is overloaded: it is waited for, the task is not told to be too large."""
    environment = claude_environment(api.url, home=workshop.folder / "agent") | {
        "API_TIMEOUT_MS": "2000",
        "CLAUDE_CODE_MAX_RETRIES": "10",
    }
    machine = workshop.machine(claude=str(claude_binary()), environment=environment)
    live = await workshop.run(machine, prompt=f"[[scenario:{scenario}]]", timeout_minutes=0.25)
    result = await (await workshop.attempt(live)).run()
    assert (result.outcome, result.cost_usd) == (Outcome.API_UNAVAILABLE, 0.0), result.error_text
    assert f"its time limit of 0.25 min while the API failed ({words})" in str(result.error_text)
