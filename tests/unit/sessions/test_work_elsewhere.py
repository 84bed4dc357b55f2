"""Work that a task's branch does not hold is said wherever the task is told of."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.cli.summary import summary
from miyabi.claude import compose
from miyabi.dag import Node
from miyabi.integration import Integration
from miyabi.integration.values import MergedTask
from miyabi.milestones.description import MilestoneProgress, milestone_block
from miyabi.milestones.issue_comment import IssueStatus, issue_comment
from miyabi.pull_requests.text import pull_request_text, task_pull_request_texts
from miyabi.reports import Report, integration_sentence, went_well
from miyabi.reports.integration import integration_section
from miyabi.reports.markdown import to_markdown
from miyabi.runs import Board, RunFolder
from miyabi.sessions import Outcome, SessionResult, Strays, left_there_words, strays_words
from tests.support.values.results import RUN, report, result, small_dag

BRANCH = f"miyabi/{RUN}/a+strays"
STRAYS = Strays(branch=BRANCH, commits=2, files=3, insertions=10, deletions=1)
SIZE = "2 commits (3 files, +10 -1)"
THERE = "x.bin, y.bin and 2 more were too large or too many to bring and are still on macmini-1"
LEFT = ("x.bin", "y.bin", "z.bin", "core")
BESIDE = result("a", files=["a.py"], strays=STRAYS, left_there=LEFT)
CAME = Integration(branch="miyabi/x", base="b" * 40, head="e" * 40, merged=(MergedTask(task="a", commit="c" * 40),))


def report_of(*attempts: SessionResult) -> Report:
    """The report of a run of one task."""
    return report(small_dag({"a": []}), attempts or [BESIDE])


def every_text(made: Report, tmp_path: Path) -> dict[str, str]:
    """What people and the next sessions read of it, by where."""
    row = made.tasks[0]
    return {
        "report": to_markdown(made),
        "summary": summary(made, CAME, RunFolder(tmp_path, RUN)),
        "pull request": pull_request_text(made, CAME, issues={}).body,
        "pull request of a task": "".join(text.body for text in task_pull_request_texts(made, issues={})),
        "issue": issue_comment(IssueStatus.of_task(row, made, CAME)),
        "prompt": compose(Node(id="b", title="B"), upstream=[BESIDE]),
    }


def test_it_is_said_everywhere(tmp_path: Path) -> None:
    """That it exists, where, and how large: in report, summary, pull requests, issue and the next tasks' prompts."""
    for where, text in every_text(report_of(), tmp_path).items():
        plain = text.replace("&#43;", "+").replace("&#45;", "-")
        assert SIZE in plain, where
        assert BRANCH in plain.replace("\u200b", ""), where
        assert THERE in plain.replace("`", ""), where


def test_it_is_said_in_short(tmp_path: Path) -> None:
    """The milestone's table, the integration's sentence and section, and the live table say that there is some."""
    made = report_of()
    assert "succeeded, some work is beside its branch" in milestone_block(
        MilestoneProgress(open=1, closed=0), report=made
    )
    said = "Not in it: work beside the branches of a."
    assert said in integration_sentence(CAME, made)
    assert f"holds 1 of 1 task. {said}" in integration_section(CAME, made)
    assert said in integration_sentence(CAME.model_copy(update={"head": CAME.base}), made)
    board = Board(run=RUN, tasks=["a"])
    board.finish(BESIDE)
    assert board.snapshot().rows[0].last_action == f"beside its branch: {SIZE}"


def test_nothing_is_said_where_there_is_nothing(tmp_path: Path) -> None:
    """A straight session has no words about work elsewhere."""
    made = report_of(result("a", files=["a.py"]))
    for where, text in every_text(made, tmp_path).items():
        if where != "prompt":
            assert "beside" not in text.lower(), where
            assert "Not " not in text, where
    assert "Beside that" not in compose(Node(id="b"), upstream=[result("a")])


def test_it_does_not_make_a_run_fail() -> None:
    """A task whose branch is whole has succeeded, whatever else there is."""
    assert went_well(report_of(), CAME)


def test_work_of_an_earlier_attempt_counts() -> None:
    """What was collected later of an attempt that was given up is told beside the one that followed."""
    later = result("a", attempt=2, files=["a.py"], machine="macmini-2", left_there=("q",))
    (row,) = report_of(BESIDE, later).elsewhere
    assert row.strays == STRAYS
    assert [(left.machine, left.files) for left in row.left_there] == [("macmini-1", LEFT), ("macmini-2", ("q",))]
    more = STRAYS.model_copy(update={"commits": 5})
    (row,) = report_of(BESIDE, later.model_copy(update={"strays": more})).elsewhere
    assert row.strays == more


def test_what_a_later_attempt_brought_is_not_there_any_more() -> None:
    """The last attempt that was collected on a machine says what is left there; one that never began does not."""
    again = result("a", attempt=2, files=["a.py"])
    assert report_of(BESIDE.model_copy(update={"strays": None}), again).elsewhere == ()
    never = result("a", Outcome.NOT_STARTED, attempt=2, head=None)
    assert report_of(BESIDE, never).elsewhere[0].left_there[0].files == LEFT


def test_sessions_that_resolve_are_told_too() -> None:
    """The work beside the branch of a session that resolved a conflict is in the report under its name."""
    resolving = result("_resolve-a-0f1e2d3c", strays=STRAYS)
    assert [row.task for row in report_of(result("a"), resolving).elsewhere] == ["_resolve-a-0f1e2d3c"]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (("a",), "a was too large or too many to bring and is still on m"),
        (("a", "b"), "a and b were too large or too many to bring and are still on m"),
        (("a\nb", "c", "d"), "a b, c and 1 more were too large or too many to bring and are still on m"),
    ],
)
def test_files_that_are_left_there(files: tuple[str, ...], words: str) -> None:
    """Two are named, on one line, and the rest is counted."""
    assert left_there_words(files, machine="m") == words


def test_one_of_each() -> None:
    """One commit and one file are no plural."""
    one = Strays(branch="miyabi/r1/t+strays", commits=1, files=1, insertions=1200)
    assert strays_words(one) == "1 commit (1 file, +1,200 -0) on miyabi/r1/t+strays"


def test_a_report_of_an_earlier_build_is_read() -> None:
    """Where nothing was said of it there is nothing."""
    old = report_of(result("a")).model_dump(exclude={"elsewhere"})
    assert Report.model_validate(old).elsewhere == ()
