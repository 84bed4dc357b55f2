from __future__ import annotations

from miyabi.milestones.issue_comment import IssueStatus, issue_comment
from miyabi.pull_requests.text import task_pull_request_texts
from miyabi.reports import summary_sentence
from miyabi.reports.markdown import to_markdown
from miyabi.runs import Board
from miyabi.sessions import Outcome
from miyabi.text import cost, dollars
from tests.support.values.results import report, result, small_dag

ENDED = report(
    small_dag({"a": [], "b": []}),
    [
        result("a", Outcome.KILLED, cost_is_partial=True),
        result("a", attempt=2, after=90, files=["a.py"]),
        result("b", files=["b.py"]),
    ],
)


def test_words() -> None:
    """A cost that is not all is told as the least it was."""
    assert dollars(1.234, is_partial=True) == "at least 1.23 USD"
    assert (cost(1.234, is_partial=True), cost(1.234, is_partial=False)) == ("at least 1.23", "1.23")


def test_a_report_says_where_a_cost_is_not_all() -> None:
    """One attempt of which not all is known makes the task's and the run's cost the least it was; no other task's."""
    assert ENDED.cost_is_partial
    assert [row.cost_is_partial for row in ENDED.tasks] == [True, False]
    assert ". At least 0.75 USD, " in summary_sentence(ENDED)
    text = to_markdown(ENDED)
    assert "| at least 0.50 |" in text
    assert "| 0.25 |" in text


def test_texts_at_github_say_it_too() -> None:
    """The comment on an issue and the figures of a task's pull request."""
    assert "at least 0.50 USD" in issue_comment(IssueStatus.of_task(ENDED.tasks[0], ENDED, None))
    bodies = [text.body for text in task_pull_request_texts(ENDED, issues={})]
    assert ["| Cost | at least 0.50 USD |" in body for body in bodies] == [True, False]


def test_the_board_says_it_too() -> None:
    """The sentence of the live board and of the progress artifact."""
    board = Board(run="r1", tasks=["a", "b"])
    board.finish(result("a", Outcome.KILLED, cost_is_partial=True))
    assert "at least 0.25 USD" in board.snapshot().sentence
