from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest

from miyabi.claude import Before, Evidence, Transcript, conclude
from miyabi.claude.outcome import MESSAGE_CHARACTERS
from miyabi.git import Changes
from miyabi.sessions import Outcome, SessionResult
from tests.support.claude.recordings import init, read, recording, result
from tests.support.values.specs import session_spec

START = datetime(2026, 1, 2, 22, 0, tzinfo=UTC)
CHANGES = Changes(commits=2, files=("a.py", "b.py"), insertions=10, deletions=3)
TOKEN = "sk-" + "ant-api03-a1B2c3D4e5F6g7H8"


def concluded(
    transcript: Transcript, evidence: Evidence, *, changes: Changes = CHANGES, earlier: float = 0, **spec: object
) -> SessionResult:
    """The result of one attempt of a task."""
    fields = {"title": "タイトル", "prompt": "do it", "base": "b" * 40} | spec
    return conclude(
        session_spec(**fields),
        transcript=transcript,
        evidence=evidence,
        changes=changes,
        machine="mini1",
        placement_reason="it had a free slot",
        start=START,
        end=START + timedelta(seconds=90),
        head="h" * 40,
        before=Before(total_usd=earlier),
    )


def test_success() -> None:
    """A success has everything that spec, session and branch tell."""
    found = concluded(recording("bg_task_8s").transcript, Evidence(agent_exit=0), check="make test")
    assert found.outcome is Outcome.CHECK_FAILED
    found = concluded(recording("bg_task_8s").transcript, Evidence(agent_exit=0, check_exit=0), check="make test")
    assert found.model_dump(exclude={"usage", "changes", "cost_usd"}) == {
        "run": "r1",
        "task": "t1",
        "title": "タイトル",
        "outcome": Outcome.SUCCEEDED,
        "attempt": 1,
        "fix_ups": 0,
        "machine": "mini1",
        "account": None,
        "placement_reason": "it had a free slot",
        "session_id": "8b36da8d-5a78-40a5-bf15-3f17165590b6",
        "branch": "miyabi/r1/t1",
        "base": "b" * 40,
        "head": "h" * 40,
        "start": START,
        "end": START + timedelta(seconds=90),
        "turns": 3,
        "agent_seconds": 0.794,
        "final_message": "Started in background.",
        "error_kind": None,
        "error_text": None,
        "permission_denials": (),
        "resets_at": None,
        "cost_is_partial": False,
        "total_usd": 0.0024000000000000002,
        "notes": (),
        "writes_lost": (),
        "strays": None,
        "submodules": (),
        "unresolved": (),
        "left_there": (),
        "check_exit_status": 0,
        "check_output": "",
        "review": None,
        "rehearsal": False,
        "by_hand": False,
    }
    assert (found.usage.total, found.changes) == (360, CHANGES)


def test_commits_that_change_nothing() -> None:
    """Empty commits, or ones that were taken back, are no change where one was expected."""
    evidence, nothing = Evidence(agent_exit=0), Changes(commits=2)
    assert concluded(recording("streamjson").transcript, evidence, changes=nothing).outcome is Outcome.NO_CHANGES
    found = concluded(recording("streamjson").transcript, evidence, changes=nothing, expect_changes=False)
    assert found.outcome is Outcome.SUCCEEDED


def test_a_budget_that_was_exceeded_by_the_end() -> None:
    """Claude looks at the budget afterwards: what was finished then is told as exceeded, and as finished."""
    found = concluded(recording("budget_streamjson").transcript, Evidence(agent_exit=1))
    assert found.outcome is Outcome.BUDGET_EXCEEDED
    assert "when the model had finished: its branch may be complete" in str(found.error_text)


def test_a_budget_that_others_had_used_up() -> None:
    """Where the limit was what another budget left, that one is named, and not the task's own."""
    found = concluded(recording("budget_streamjson").transcript, Evidence(agent_exit=1), budget_setting="run_usd")
    assert (found.outcome, found.error_kind) == (Outcome.BUDGET_EXCEEDED, "budget.run_usd")
    assert "raise budget.run_usd" in str(found.error_text)


def test_tokens_that_were_used_up() -> None:
    """We end what claude does not limit, and say so; what ended by itself is judged by its work, and so is less."""
    transcript = recording("bg_task_8s").transcript
    limit = {"max_tokens": transcript.tokens, "tokens_setting": "session_tokens"}
    found = concluded(transcript, Evidence(ended_by="stop"), **limit)
    assert (found.outcome, found.error_kind) == (Outcome.BUDGET_EXCEEDED, "budget.session_tokens")
    assert f"has used {transcript.tokens:,} of {transcript.tokens:,} tokens; raise" in str(found.error_text)
    assert concluded(transcript, Evidence(agent_exit=0), **limit).succeeded
    more = limit | {"max_tokens": transcript.tokens + 1}
    assert concluded(transcript, Evidence(ended_by="stop"), **more).outcome is Outcome.STOPPED


def test_cost_of_an_attempt() -> None:
    """An attempt that goes on with a conversation costs what the conversation costs now less what it did before."""
    transcript = recording("limit_then_resume_2").transcript
    assert round(concluded(transcript, Evidence(agent_exit=0)).cost_usd, 6) == 0.0008
    assert round(concluded(transcript, Evidence(agent_exit=0), earlier=0.0004).cost_usd, 6) == 0.0004


def test_usage_limit() -> None:
    """A usage limit says until when."""
    found = concluded(recording("oauth_limit5h").transcript, Evidence(agent_exit=1), changes=Changes())
    assert found.outcome is Outcome.USAGE_LIMIT
    assert found.resets_at == datetime(2027, 1, 15, 7, 59, 59, tzinfo=UTC)
    assert "until 2027-01-15 07:59 UTC" in (found.error_text or "")


def test_denials() -> None:
    """Denied tools are told with what they were to do."""
    found = concluded(recording("perm_dontAsk_bash").transcript, Evidence(agent_exit=0), changes=Changes())
    assert found.outcome is Outcome.PERMISSION_DENIED
    assert found.permission_denials == (
        "Bash: echo hi > hello.txt && git add -A && git commit -q -m x && git log --oneline | head -1",
    )


def test_missing_command() -> None:
    """The prompt's command is looked for, whoever followed the session."""
    found = concluded(recording("slash_missing").transcript, Evidence(agent_exit=0), prompt="/agent-run --issue 270")
    assert (found.outcome, found.error_kind) == (Outcome.AGENT_ERROR, "missing_command")
    assert ".claude/commands/agent-run.md" in (found.error_text or "")


def test_message_is_fit_to_be_stored() -> None:
    """A final message is short, without secrets, control characters or half characters, and survives JSON."""
    text = f"key {TOKEN} \x1b[1m\x00\ud83d " + "長い" * 5000
    found = concluded(read(init() + result(result=text)), Evidence(agent_exit=0))
    assert len(found.final_message) == MESSAGE_CHARACTERS
    assert found.final_message.startswith("key [redacted] ? 長い長い")
    assert SessionResult.model_validate_json(found.model_dump_json()) == found


def test_secret_in_an_error() -> None:
    """An error text gives no secret away."""
    evidence = Evidence(agent_exit=1, stderr=f"Error: bad header Authorization: Bearer {TOKEN}")
    found = concluded(Transcript(), evidence)
    assert found.error_kind == "launch_failed"
    assert TOKEN not in found.model_dump_json()


def test_nothing_known() -> None:
    """A session of which nothing is known still has a result."""
    found = concluded(Transcript(), Evidence(lost=True), changes=Changes(), rehearse=True)
    assert (found.outcome, found.session_id, found.turns, found.cost_usd) == (Outcome.MACHINE_LOST, None, 0, 0.0)
    assert found.rehearsal


def red(log: str, **evidence: Any) -> SessionResult:
    """The result of an attempt whose check printed that and did not pass."""
    evidence = {"agent_exit": 0, "check_exit": 1, "check_log": log} | evidence
    return concluded(recording("streamjson").transcript, Evidence(**evidence), check="make test")


def test_a_red_check_says_what_it_printed_last() -> None:
    """At most 50 lines and 8 KiB, from a line's begin on, as a terminal would show them."""
    found = red("".join(f"\x1b[31mline {number}\x1b[0m\r\n" for number in range(80)) + " 1 %\r99 %\n\n")
    assert found.outcome is Outcome.CHECK_FAILED
    assert found.check_output.split("\n") == [*(f"line {number}" for number in range(31, 80)), "99 %"]
    long = red("".join(f"{number:03} {'日' * 150}\n" for number in range(80))).check_output
    assert long.endswith(f"079 {'日' * 150}")
    assert 8192 - 460 < len(long.encode()) <= 8192
    assert all(len(line) == 154 for line in long.split("\n"))


def test_a_red_set_up_says_what_it_printed_last() -> None:
    """Its own lines, not those of a check, and what to do about a tool that is missing, or too little time."""
    evidence = {"check_log": "no", "setup_log": "npm: not found\n"}
    found = concluded(Transcript(), Evidence(agent_exit=127, ended_by="setup", **evidence), changes=Changes())
    assert (found.outcome, found.check_output, found.printed_by) == (Outcome.SETUP_FAILED, "npm: not found", "set-up")
    assert found.error_text == (
        "the set-up of t1 ended with exit status 127 on mini1, so claude was not begun; "
        "install what it calls on mini1, or read setup.log beside the session's output"
    )
    slow = concluded(Transcript(), Evidence(agent_exit=143, ended_by="setup_timeout"), changes=Changes())
    assert "ran into its time limit on mini1" in (slow.error_text or "")
    assert "raise setup_timeout_minutes" in (slow.error_text or "")


def test_a_check_of_which_nothing_is_to_be_told() -> None:
    """What a check printed that passed, or that is not why the task failed, is not told."""
    assert red("fine", check_exit=0).check_output == ""
    assert red("fine", unresolved=("a.py",)).check_output == ""
    assert red("", check_exit=None).check_output == ""


def test_no_secret_in_what_a_check_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a key nor a known secret is kept, nor the half of one where the text is cut, nor a coloured one."""
    monkeypatch.setattr(import_module("miyabi.text.redact"), "_known", {"correct horse battery"})
    log = f"correct \x1b[1mhorse\x1b[0m battery\n{TOKEN}\n" + "x" * 40
    assert red(log).check_output == "[redacted]\n[redacted]\n" + "x" * 40
    cut = red("correct horse battery" * 2 + "x" * (8192 - len("battery"))).check_output
    assert "horse" not in cut
    assert "battery" not in cut


def test_a_result_of_an_earlier_build() -> None:
    """One that was kept without what its check printed is read as one of which nothing is known of that."""
    kept = red("1 failed").model_dump(mode="json", exclude={"check_output"})
    assert SessionResult.model_validate(kept) == red("")


@pytest.mark.parametrize(("head", "said"), [("h", True), ("c", False)])
def test_a_session_that_added_nothing(head: str, *, said: bool) -> None:
    """Where all of its commits are an earlier run's, the reader is told so."""
    found = concluded(
        read(init() + result()),
        Evidence(agent_exit=0),
        start_commit=head * 40,
        earlier_branch="miyabi/r0/t1",
    )
    note = "it added nothing to the commits that it began with, those of branch miyabi/r0/t1"
    assert (found.outcome, found.notes) == (Outcome.SUCCEEDED, (note,) * said)
