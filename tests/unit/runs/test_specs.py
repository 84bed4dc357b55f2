"""A node and the settings become a session's spec."""

from __future__ import annotations

from typing import Any

import pytest

from miyabi.dag import Node
from miyabi.runs.costs import Allowance
from miyabi.runs.specs import Earlier, spec_for
from miyabi.sessions import Outcome, SessionPaths, SessionResult, SessionSpec
from miyabi.settings import SessionDefaults, Settings

CONVERSATION = "11111111-1111-4111-8111-111111111111"


def spec(
    node: Node,
    *,
    conversation: str | None = None,
    spent_usd: float = 0,
    earlier: Earlier | None = None,
    prompt: str = "do it",
    **defaults: Any,
) -> SessionSpec:
    """The spec of a node's first attempt, or of one after those."""
    settings = Settings(sessions=SessionDefaults(**defaults))
    return spec_for(
        node,
        settings,
        run="r",
        attempt=1,
        prompt=prompt,
        base="abc",
        author=("A", "a@b"),
        conversation=conversation,
        earlier=earlier or Earlier(spent_usd=spent_usd),
        rehearse=False,
    )


def test_a_node_wins_over_the_defaults() -> None:
    """What a node says of itself is what its session gets; where it is silent, the defaults hold."""
    made = spec(Node(id="a", model="opus", timeout_minutes=5, allowed_tools=()), model="sonnet", max_turns=9, check="c")
    assert (made.model, made.max_turns, made.timeout_seconds, made.allowed_tools, made.check) == (
        "opus",
        9,
        300,
        (),
        "c",
    )


def test_set_up_of_all_and_of_labels() -> None:
    """A machine gets that of all sessions and then that of each of its labels; a node's own is in place of them."""
    labels = {"xcode": {"setup": "pod install"}, "other": {"setup": "x"}, "plain": {"mcp_config": {}}}
    made = spec(Node(id="a"), setup="npm ci", setup_timeout_minutes=2, labels=labels)
    assert made.setup_on({"xcode", "m1"}) == ("npm ci", "pod install")
    assert made.setup_on(()) == ("npm ci",)
    assert made.setup_timeout_seconds == 120
    assert spec(Node(id="a", setup="make"), setup="npm ci", labels=labels).setup_on({"xcode"}) == ("make",)
    assert spec(Node(id="a")).setup_on({"xcode"}) == ()


def test_how_long_a_session_may_linger_is_a_setting() -> None:
    """Where nobody says otherwise it is fifteen seconds."""
    assert spec(Node(id="a")).linger_seconds == 15
    assert spec(Node(id="a"), linger_seconds=90).linger_seconds == 90


def test_how_long_a_session_may_be_silent() -> None:
    """A quarter of an hour; 0 is for ever, and stays that."""
    assert spec(Node(id="a")).stall_seconds == 900
    assert spec(Node(id="a"), stall_minutes=0).stall_seconds == 0


def test_a_conversation_is_gone_on_with() -> None:
    """An attempt that resumes keeps the conversation's id and says what it was about."""
    made = spec(Node(id="a"), conversation=CONVERSATION, earlier=after(CUT))
    assert made.conversation == made.resumes == CONVERSATION
    assert made.prompt.endswith("do it")
    assert made.prompt != "do it"


def test_a_first_attempt_may_go_on_in_another_task_s_conversation() -> None:
    """It is told what it is to do as it stands: nothing of it was interrupted."""
    made = spec(Node(id="a"), conversation=CONVERSATION)
    assert (made.conversation, made.prompt, made.prompt_anew) == (CONVERSATION, "do it", "do it")


def test_another_budget_may_leave_less() -> None:
    """The smaller of the task's own and of what the others leave is the session's limit, and is named."""
    node = Node(id="a", max_budget_usd=2.0)
    left = [Allowance(usd=usd, usd_setting="run_usd", tokens=9, tokens_setting="day_tokens") for usd in (1.5, 3.0)]
    made = [spec(node, earlier=Earlier(allowance=each)) for each in left]
    assert [(each.max_budget_usd, each.budget_setting) for each in made] == [(1.5, "run_usd"), (2.0, "")]
    assert {(each.max_tokens, each.tokens_setting) for each in made} == {(9, "day_tokens")}


def test_a_budget_is_spent_once() -> None:
    """A conversation that is gone on with has what is left of its budget, and never none at all."""
    node = Node(id="a", max_budget_usd=2.0)
    assert [spec(node, spent_usd=spent).max_budget_usd for spent in (0, 1.5, 2, 9)] == [2.0, 0.5, 0.01, 0.01]
    assert spec(Node(id="a"), spent_usd=1).max_budget_usd is None


def test_each_attempt_has_a_conversation_of_its_own() -> None:
    """Claude refuses an id that it knows; the same attempt always has the same one."""
    paths = [SessionPaths(run="r", task=t, attempt=n) for t in ("a", "b") for n in (1, 2)]
    ids = [each.conversation(run_id=of) for of in ("", "1", "2") for each in paths]
    assert len(set(ids)) == len(ids)
    assert paths[1].conversation(run_id="") == ids[1]


@pytest.mark.parametrize("task", ["a", "1.2.3", "x.y"])
def test_a_session_is_known_by_its_name(task: str) -> None:
    """The name of a session tells run, task and attempt, dots in the task or not."""
    paths = SessionPaths(run="nightly-1", task=task, attempt=12)
    assert SessionPaths.of(paths.session) == paths


def test_how_large_a_file_may_be_is_given_in_megabytes() -> None:
    """The session gets bytes."""
    assert spec(Node(id="a")).max_file_bytes == 95_000_000
    assert spec(Node(id="a"), max_file_mb=0.5).max_file_bytes == 500_000


def attempt(number: int, outcome: Outcome, *, fix_ups: int = 0, **fields: Any) -> SessionResult:
    """An attempt that is over, which said and committed something."""
    given = {"turns": 4, "head": "h", "session_id": CONVERSATION, "machine": "m1", "final_message": "Half is done."}
    given |= {"run": "r", "task": "a", "attempt": number, "outcome": outcome, "fix_ups": fix_ups}
    return SessionResult.model_validate(given | fields)


RED = attempt(1, Outcome.CHECK_FAILED, check_exit_status=3)
CUT = attempt(2, Outcome.KILLED, fix_ups=1)


def after(*attempts: SessionResult, fix_ups: int = 0) -> Earlier:
    """What came before, with a check that printed its attempt's number."""
    return Earlier(attempts=attempts, fix_ups=fix_ups, last_lines=lambda result: f"red {result.attempt}")


def test_what_failed_goes_back_to_its_conversation() -> None:
    """It is told what its check said, and once more where the fix-up itself was cut short; turns are those of all."""
    node = Node(id="a", check="make test", max_turns=10)
    made = spec(node, conversation=CONVERSATION, earlier=after(RED, fix_ups=1))
    assert made.prompt.startswith("# The check did not pass\n")
    assert "exit status 3" in made.prompt
    assert "red 1" in made.prompt
    assert "fix-up 1 of at most 2. You have 30 min 00 s and 6 turns." in made.prompt
    assert (made.fix_ups, made.max_turns) == (1, 6)
    again = spec(node, conversation=CONVERSATION, earlier=after(RED, CUT, fix_ups=1))
    assert again.prompt.startswith("You were interrupted.")
    assert "red 1" in again.prompt
    assert (again.fix_ups, again.max_turns) == (1, 2)


def test_a_new_conversation_is_told_what_was_done() -> None:
    """On another machine, or where the machine has the conversation no more; a command stays the whole message."""
    node = Node(id="a", check="make test")
    moved = spec(node, earlier=after(RED, CUT, fix_ups=1)).prompt
    assert moved.startswith("do it\n\n## What was done before\n")
    assert "Half is done." in moved
    assert "red 1" in moved
    went_on = spec(node, conversation=CONVERSATION, earlier=after(RED, CUT, fix_ups=1))
    assert went_on.prompt_anew == moved
    assert spec(node, conversation=CONVERSATION, earlier=after(CUT)).prompt_anew not in {None, "do it"}
    assert spec(node, earlier=after(RED), prompt="/agent-run 7").prompt == "/agent-run 7"
    assert spec(node, earlier=after(attempt(1, Outcome.LAUNCH_FAILED, turns=0, head=None))).prompt == "do it"
