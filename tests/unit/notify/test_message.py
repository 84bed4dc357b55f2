"""What people are told: short, the first line says it all, and nothing secret in it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from miyabi.notify import end_of_run, login_refused, machine_gone, quota_closed, run_broke, stuck, stuck_cause
from miyabi.reports import Report
from miyabi.sessions import Outcome
from miyabi.settings import NotifyKind
from miyabi.text import hide
from tests.support.values.results import STARTED, result, small_dag

SECRET = "ghp_" + "a1" * 18
PULL = (12, "https://github.com/acme/app/pull/12")


def report(*, failed: int = 1, **given: Any) -> Report:
    """A run of ten tasks, some of which failed."""
    tasks = [f"t{n}" for n in range(10)]
    ends = [Outcome.CHECK_FAILED if n < failed else Outcome.SUCCEEDED for n in range(10)]
    results = [result(task, outcome=end, cost_usd=0.32) for task, end in zip(tasks, ends, strict=True)]
    values: dict[str, Any] = {"run": "r1", "machines": (), "started": STARTED, "ended": STARTED} | given
    return Report.build(small_dag(dict.fromkeys(tasks, ())), results, **values)


def test_the_first_line_says_it_all() -> None:
    """Run, figures, money and pull request fit a locked phone."""
    message = end_of_run(report(), pull_requests=[PULL], links=["http://127.0.0.1:4200/runs/flow-run/1"])
    assert message.headline == "miyabi run r1: 9 of 10 succeeded, 1 failed, 3.20 USD, pull request #12"
    assert message.kind is NotifyKind.END
    assert message.lines[0] == "Failed: t0 (check failed)"
    assert message.lines[-2:] == (PULL[1], "http://127.0.0.1:4200/runs/flow-run/1")


def test_what_there_is_nothing_of_is_not_said() -> None:
    """A run in which all is well is one short line, a rehearsal is called one, and what failed at GitHub is said."""
    assert end_of_run(report(failed=0)).headline == "miyabi run r1: 10 of 10 succeeded, 3.20 USD"
    assert end_of_run(report(failed=0, rehearsal=True)).headline.startswith("miyabi rehearsal r1: 10 of 10")
    message = end_of_run(report(), fault="GitHub refuses")
    assert message.headline.endswith(", not at GitHub")
    assert "Not at GitHub: GitHub refuses" in message.lines


def test_a_run_that_ends_anew_is_told_anew() -> None:
    """The same end is one cause, a later one another."""
    later = datetime(2100, 1, 1, tzinfo=UTC)
    assert end_of_run(report()).cause == end_of_run(report(), fault="x").cause
    assert end_of_run(report()).cause != end_of_run(report(ended=later)).cause


def test_what_needs_a_person_is_said_first() -> None:
    """Each kind names run and matter in its first line, and is a cause of its own."""
    now = 1_800_000_000.0
    messages = [
        stuck("r1", number=12, url=PULL[1], why="tests: red."),
        quota_closed("r1", account="", until=now + 9000, now=now),
        machine_gone("r1", machine="mini1", why="it does not answer"),
        login_refused("r1", machine="mini1", why="401"),
        run_broke("r1", "the disk is full"),
    ]
    assert [message.headline.removeprefix("miyabi run r1 needs you: ").split(" until ")[0] for message in messages] == [
        "pull request #12 is stuck",
        "usage limit",
        "mini1 takes no more sessions",
        "claude is not logged in on mini1",
        "it broke off",
    ]
    assert {message.kind for message in messages} == {NotifyKind.NEEDS_YOU}
    assert len({message.cause for message in messages}) == len(messages)
    assert messages[0].cause == stuck_cause(12)


def test_two_who_meet_one_limit_tell_of_one() -> None:
    """Their ends differ by seconds; another account is another matter."""
    now = 1_800_000_000.0
    first, second = [quota_closed("r1", account="a", until=now + late, now=now) for late in (9000, 9030)]
    assert first.cause == second.cause
    assert first.cause != quota_closed("r1", account="b", until=now + 9000, now=now).cause


@pytest.mark.parametrize("text", [f"push with {SECRET} failed", "the key is hunter2-hunter2!"])
def test_no_secret_is_in_it(text: str) -> None:
    """What looks like a token, and what is known as a secret, is redacted, and nobody is called by an @name."""
    hide({"hunter2-hunter2!"})
    message = machine_gone("r1", machine="mini1", why=f"@everyone {text}")
    assert SECRET not in message.text
    assert "hunter2" not in message.text
    assert "[redacted]" in message.text
    assert "@everyone" not in message.text
