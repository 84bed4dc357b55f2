from __future__ import annotations

import pytest

from miyabi.integration import Integration
from miyabi.milestones.references import RepositoryContext, closes
from miyabi.pull_requests.text import closed_issues, pull_request_text, why_nothing
from miyabi.reports import Report
from miyabi.sessions import Outcome
from tests.support.values.milestones import matches_golden
from tests.support.values.pull_requests import (
    BASE,
    HEAD,
    ISSUES,
    MENTION,
    NASTY,
    REFERENCE,
    closing,
    integration,
    rendered,
    run,
)
from tests.support.values.results import RUN, report, result, small_dag


def test_golden() -> None:
    """The whole text reads as agreed."""
    text = pull_request_text(run(), integration(), issues=ISSUES, name="v1.2")
    assert (text.title, text.branch, text.base) == ("v1.2: 2 of 7 tasks", f"miyabi/{RUN}", None)
    assert text.overflow is None
    assert matches_golden(text.body, name="pull_request.md")


def test_it_is_the_same_each_time() -> None:
    """The same run makes the same text."""
    one, two = (pull_request_text(run(), integration(), issues=ISSUES) for _ in range(2))
    assert one == two


def test_only_what_is_merged_is_closed() -> None:
    """Issues of tasks that succeeded and are on the branch are closed; no foreign text closes any other."""
    text = pull_request_text(run(), integration(), issues=ISSUES, name=NASTY)
    assert text.closes == (1, 2)
    assert closing(text.body) == ["1", "2"]
    assert [r.number for r in closes(text.body, context=RepositoryContext())] == [1, 2]
    assert closing(text.title) == []


def test_foreign_text_refers_to_nothing() -> None:
    """No number, address or name in foreign text becomes a link or notifies anybody."""
    text = pull_request_text(run(), integration(), issues=ISSUES, name=NASTY)
    shown = rendered(text.body)
    assert {int(number) for number in REFERENCE.findall(shown)} <= set(ISSUES.values())
    assert not MENTION.search(shown)
    assert not MENTION.search(text.title)
    assert not REFERENCE.search(text.title)
    assert "<b>" not in "".join(text.body.split("`````")[::2])


def test_a_log_cannot_end_its_block() -> None:
    """The output of the checks stays within its code block, and what looks like a secret is gone."""
    body = pull_request_text(run(), integration(), issues=ISSUES).body
    assert "`````text\nok\n```\n" in body
    assert "a1a1a1" not in body


def test_a_rehearsal_is_marked_and_closes_nothing() -> None:
    """The text of a rehearsal says so in title and body, and closes no issue."""
    text = pull_request_text(run(rehearsal=True), integration(), issues=ISSUES, name="v1.2")
    assert text.title == "[Rehearsal] v1.2: 2 of 7 tasks"
    assert text.body.startswith("> **Rehearsal.**")
    assert (text.closes, closing(text.body)) == ((), [])


@pytest.mark.parametrize(
    ("verified", "closed", "said"),
    [
        (True, (1, 2), "The checks of the whole pass."),
        (False, (), "**The checks of the whole do not pass.**"),
        (None, (1, 2), "are left out.\n"),
    ],
)
def test_what_does_not_pass_closes_nothing(*, verified: bool | None, closed: tuple[int, ...], said: str) -> None:
    """Where the checks of the whole failed no issue is closed; where none are set that is no failure."""
    text = pull_request_text(run(), integration(verified=verified), issues=ISSUES)
    assert text.closes == closed
    assert said in text.body


def test_an_issue_of_several_tasks() -> None:
    """An issue is closed only when all of its tasks are on the branch."""
    assert closed_issues(run(), integration(), issues={"issue-1": 10, "issue-2": 10}) == (10,)
    assert closed_issues(run(), integration(), issues={"issue-1": 10, "issue-3": 10, "issue-2": 11}) == (11,)


def test_everything_that_is_not_on_the_branch_is_named() -> None:
    """Each task that is not merged is named, with the reason and what to do about it."""
    body = pull_request_text(run(), integration(), issues=ISSUES).body
    section = body.partition("## Left out, and what to do\n\n")[2].partition("\n\n## ")[0]
    items = section.split("\n\n- ")[1:]
    assert [item.partition(": ")[0] for item in items] == [
        "#3 (`issue-3`)",
        "#5 (`issue-5`)",
        "#4 (`issue-4`)",
        "#6 (`issue-6`)",
        "`tidy`",
    ]
    assert all(item.count("\n  To do: ") == 1 for item in items)
    assert "upstream issue-5 (check_failed) failed" in items[3]
    assert "it made no commits" in items[4]
    assert f"`miyabi retry {RUN} issue-5` tries it again" in items[1]


def test_first_comes_what_was_done() -> None:
    """Task by task, each in its session's words, a few lines of them; one that said nothing is named all the same."""
    body = pull_request_text(run(), integration(), issues=ISSUES).body
    titles = [line for line in body.splitlines() if line.startswith("## ")]
    assert titles[:3] == ["## What was done", "## What the reviews left open", "## Left out, and what to do"]
    section = body.partition("## What was done\n")[2].partition("\n## ")[0]
    first, second = section.split("\n**#")[1:]
    assert first.startswith(
        "1 Title of issue-1** (1 commit, 1 file, +3 \u22121)\n\nIts session said nothing at its end."
    )
    assert "\n\n> I have &#42;&#42;done&#42;&#42; it:  \n>\n" in second


def test_an_id_does_not_wrap() -> None:
    """In the table of tasks an id without an issue is held together after each hyphen, where a browser breaks it."""
    made = report(small_dag({"my-long-id": []}), [result("my-long-id", files=["x"])])
    body = pull_request_text(made, integration(), issues={}).body
    assert "\n| `my-\u2060long-\u2060id` | Title of my-long-id | succeeded, left out | 0.25 |" in body


def test_foreign_text_divides_nothing() -> None:
    """Neither a form feed nor a heading in what others wrote makes a section of its own."""
    broken = "\f\n## Mine\n\n| a |\n"
    made = report(small_dag({"a": []}, titles={"a": "A"}), [result("a", files=["x"])], warnings=[broken])
    checked = integration().model_copy(update={"verify_log": broken * 100, "verify_commands": (broken,)})
    text = pull_request_text(made, checked, issues={}, max_characters=3_200)
    assert "told separately: Checks of the whole.\n" in text.body
    assert [each.count("## Mine") for each in text.further] == [101]
    assert text.further[0].endswith("```\n\n</details>\n")


def test_nothing_to_merge() -> None:
    """Where nothing is on the branch a sentence says so, in place of a pull request."""
    empty = Integration(branch="miyabi/x", base=BASE, head=BASE)
    failed = report(small_dag({"a": []}), [result("a", Outcome.NO_CHANGES)])
    assert why_nothing(failed, empty) == (
        f"Run {RUN}: nothing to merge, so there is no pull request (0 of 1 task succeeded, no task made a commit)."
    )
    assert why_nothing(run(), integration()) == ""


def test_a_run_without_a_name() -> None:
    """Without a milestone the run's own name is the title."""
    made: Report = report(small_dag({"a": []}), [result("a", files=["x"])])
    whole = Integration(branch="miyabi/x", base=BASE, head=HEAD)
    assert pull_request_text(made, whole, issues={}).title == f"Run {RUN}: 0 of 1 task"
