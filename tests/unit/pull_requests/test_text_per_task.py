from __future__ import annotations

from miyabi.git import Changes
from miyabi.pull_requests import PullRequestText
from miyabi.pull_requests.text import task_pull_request_texts
from miyabi.sessions import Outcome
from tests.support.values.milestones import matches_golden
from tests.support.values.pull_requests import CLOSING, ISSUES, NASTY, rendered, run
from tests.support.values.results import RUN, report, result, small_dag


def texts(*, rehearsal: bool = False) -> dict[str, PullRequestText]:
    """The pull requests of the run, by task."""
    return {str(text.task): text for text in task_pull_request_texts(run(rehearsal=rehearsal), issues=ISSUES)}


def test_golden() -> None:
    """The text of one task's pull request reads as agreed."""
    assert matches_golden(texts()["issue-2"].body, name="pull_request_of_a_task.md")


def test_one_for_each_task_with_work() -> None:
    """Tasks that failed, were skipped or committed nothing have no pull request."""
    assert list(texts()) == ["issue-1", "issue-2", "issue-3", "issue-4"]


def test_each_is_stacked_on_its_upstream() -> None:
    """The base is the upstream's branch, or the run's base where there is none before it."""
    branch = f"miyabi/{RUN}/issue-"
    assert {task: text.base for task, text in texts().items()} == {
        "issue-1": None,
        "issue-2": f"{branch}1",
        "issue-3": f"{branch}1",
        "issue-4": f"{branch}3",
    }
    assert texts()["issue-4"].branch == f"{branch}4"


def test_several_upstreams_and_one_without_work() -> None:
    """Of several upstreams the last is the base and the others are named; one without commits is passed over."""
    dag = small_dag({"a": [], "b": ["a"], "c": ["b"], "d": [], "e": ["c", "d"], "f": ["a", "c", "d"]})
    files = {"a": ["a"], "c": ["c"], "d": ["d"], "e": ["e"], "f": ["f"]}
    results = [result(task, after=n, files=files.get(task, ())) for n, task in enumerate("abcdef")]
    found = {text.task: text for text in task_pull_request_texts(report(dag, results), issues={"a": 8})}
    assert (found["c"].base, found["e"].base) == (f"miyabi/{RUN}/a", f"miyabi/{RUN}/d")
    assert f"Stacked on `miyabi/{RUN}/a` (#8): merge that first.\n" in found["c"].body
    assert (
        f"Stacked on `miyabi/{RUN}/d` (`d`): merge that first. It also holds `miyabi/{RUN}/c` (`c`).\n"
        in found["e"].body
    )
    assert f" It also holds `miyabi/{RUN}/a` (#8), `miyabi/{RUN}/c` (`c`).\n" in found["f"].body


def test_each_closes_its_own_issue() -> None:
    """A task's pull request closes its issue, and no foreign text closes another."""
    for text in texts().values():
        closed = [str(ISSUES[str(text.task)])]
        assert (CLOSING.findall(text.body), CLOSING.findall(rendered(text.body))) == (closed, closed)
    assert not CLOSING.search(texts()["issue-2"].title)


def test_an_issue_of_several_tasks() -> None:
    """The last of an issue's tasks closes it, and only when all of them succeeded."""
    both = {"issue-1": 10, "issue-2": 10, "issue-4": 11, "issue-5": 11}
    found = {text.task: text.closes for text in task_pull_request_texts(run(), issues=both)}
    assert found == {"issue-1": (), "issue-2": (10,), "issue-3": (), "issue-4": ()}


def test_a_rehearsal_is_marked() -> None:
    """A rehearsal's texts say so and close nothing."""
    text = texts(rehearsal=True)["issue-1"]
    assert text.title == "[Rehearsal] Title of issue-1"
    assert (text.closes, CLOSING.findall(text.body)) == ((), [])


def test_no_work_no_text() -> None:
    """A run in which nothing was committed has no pull requests."""
    dag = small_dag({"a": [], "b": []})
    results = [result("a", Outcome.KILLED), result("b", changes=Changes(), title=NASTY)]
    assert task_pull_request_texts(report(dag, results), issues={}) == ()
