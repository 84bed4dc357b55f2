from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from miyabi.claude import Evidence, Transcript, missing_command
from miyabi.claude.evidence import Decision
from miyabi.claude.outcome import decide
from miyabi.sessions import Outcome
from tests.support.claude.recordings import FOLDER, Recording, names, recording


def decision_of(found: Recording) -> Decision:
    """The decision on a recording whose session left the commits that its case says, one unless told otherwise."""
    transcript, arguments = found.transcript, found.expected["arguments"]
    prompt = arguments.split("'")[1] if arguments.startswith("-p '") else "go"
    return decide(
        transcript,
        Evidence(
            agent_exit=found.expected["exit_status"],
            stderr=found.stderr,
            commits=found.expected.get("commits", 1),
            expect_structured_output="--json-schema" in arguments,
            missing_command=missing_command(prompt, transcript.init) if transcript.init else None,
            machine="mini1",
            task="t1",
        ),
    )


@pytest.mark.parametrize("name", names())
def test_outcome(name: str) -> None:
    """Every recorded run has the outcome, the kind and the reset time that its case says."""
    found = recording(name)
    decision = decision_of(found)
    resets_at = found.expected.get("resets_at")
    assert decision.outcome == Outcome(found.expected["outcome"]), decision
    assert decision.error_kind == found.expected.get("error_kind")
    assert decision.resets_at == (datetime.fromtimestamp(resets_at, UTC) if resets_at else None)


@pytest.mark.parametrize("name", [n for n in names() if recording(n).expected["outcome"] != "succeeded"])
def test_error_text(name: str) -> None:
    """Whatever did not succeed says in one line what is the matter and what to do."""
    text = decision_of(recording(name)).error_text
    assert text is not None
    situation, _, advice = text.partition("; ")
    assert situation
    assert advice
    assert "\n" not in text
    assert "{" not in advice
    assert len(text) <= 510


def test_all_recordings_have_an_outcome() -> None:
    """No recording lies about without its case."""
    assert sorted(folder.name for folder in FOLDER.iterdir() if folder.is_dir()) == names()


def test_no_outcome_without_result() -> None:
    """Cut before its last result, no recording is a success, whatever else was said and however it exited."""
    for found in map(recording, names()):
        lines = [line for line in found.stdout.splitlines(keepends=True) if b'"type":"result"' not in line]
        cut = replace(found, stdout=b"".join(lines), stderr="", expected=found.expected | {"exit_status": 0})
        assert decision_of(cut).outcome is not Outcome.SUCCEEDED, found.name


@pytest.mark.parametrize("status", [1, 126, 137, 143, 255])
def test_no_success_with_a_bad_exit(status: int) -> None:
    """However good a recording looks, it is no success where the exit status says otherwise."""
    for found in map(recording, names()):
        bad = replace(found, stderr="", expected=found.expected | {"exit_status": status})
        assert decision_of(bad).outcome is not Outcome.SUCCEEDED, found.name


@pytest.mark.parametrize("name", ["api_e401", "api_e401_r0"])
def test_a_refused_key_is_named(name: str) -> None:
    """Where the API refuses a key the next step is another key, not a token."""
    text = str(decision_of(recording(name)).error_text)
    assert "put a valid key into `ANTHROPIC_API_KEY`, where mini1 gets it from" in text
    assert "setup-token" not in text


@pytest.mark.parametrize(
    ("source", "named"),
    [("ANTHROPIC_API_KEY", "`ANTHROPIC_API_KEY`"), ("apiKeyHelper", "`apiKeyHelper`"), ("/login managed", "_API_KEY`")],
)
def test_wherever_the_key_is_from(source: str, named: str) -> None:
    """The key is named by where claude says that it has it from."""
    found = recording("api_e401")
    changed = found.stdout.replace(b'"apiKeySource":"ANTHROPIC_API_KEY"', f'"apiKeySource":"{source}"'.encode())
    assert named in str(decision_of(replace(found, stdout=changed)).error_text)


def test_a_refused_login_is_renewed() -> None:
    """Where there is no key the next step is still a token."""
    assert "run `claude setup-token`" in str(decision_of(recording("oauth_e401")).error_text)


def test_a_key_that_is_refused_before_the_start() -> None:
    """Without a word of the stream the text itself tells a key from a login."""
    said = Evidence(agent_exit=1, stderr="Invalid API key - Fix external API key", machine="mini1", task="t1")
    assert "`ANTHROPIC_API_KEY`" in str(decide(Transcript(), said).error_text)
