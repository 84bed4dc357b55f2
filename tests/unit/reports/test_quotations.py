"""What a check printed last and what a session said last: in every text, fenced or quoted, and without any secret."""

from __future__ import annotations

from markdown_it import MarkdownIt

from miyabi.milestones.issue_comment import IssueStatus, issue_comment
from miyabi.pull_requests.text import pull_request_text, task_pull_request_texts
from miyabi.reports import Report
from miyabi.reports.markdown import MAX_QUOTED, to_markdown
from miyabi.reports.rows import WORDS_CHARACTERS
from miyabi.sessions import Outcome
from tests.support.values.pull_requests import (
    CLOSING,
    ISSUES,
    MENTION,
    PRINTED,
    WORDS,
    integration,
    rendered,
    run,
)
from tests.support.values.results import red, report, result, small_dag

KEY = "sk-" + "ant-api03-a1B2c3D4e5F6g7H8"
COMMENT_CHARACTERS = 65_536  # of GitHub


def texts(made: Report) -> list[str]:
    """Every text in which a failure is told: the report, the pull request with what did not fit, an issue's comment."""
    whole = pull_request_text(made, integration(), issues={})
    comments = [issue_comment(IssueStatus.of_task(row, made, None)) for row in made.tasks]
    return [to_markdown(made), made.model_dump_json(), whole.body, *whole.further, *comments]


def test_it_stands_where_a_failure_is_told() -> None:
    """Report, pull request and issue have the last line of the check and the first words of the session."""
    for text in texts(red("Everything is done\n7 fell")):
        assert text.count("7 fell") == 2
        assert text.count("Everything is done") == 2
        assert "own words" in text or text.startswith("{")


def test_a_red_set_up_is_told_as_one() -> None:
    """Where a set-up failed, each text says so, and none speaks of a check; of both, each line has its own name."""
    told = {"check_output": "npm: not found", "error_text": "it is red"}
    results = [result("t0", Outcome.SETUP_FAILED, **told)]
    for text in texts(report(small_dag({"t0": []}), results)):
        assert "npm: not found" in text
        assert "set-up" in text or text.startswith("{")
        assert "What checks" not in text
        assert "its check" not in text
    both = report(small_dag({"t0": [], "t1": []}), [*results, result("t1", Outcome.CHECK_FAILED, **told)])
    text = to_markdown(both)
    assert "## What checks and set-ups printed last\n\nOf each check or set-up that did not pass" in text
    assert "The set-up of `t0`:" in text
    assert "The check of `t1`:" in text


def test_no_secret_is_in_any_text() -> None:
    """A canary in what a check printed and in what a session said, as an earlier build may have kept it, is in none."""
    assert not [text for text in texts(red(f"the key is {KEY}")) if KEY[:16] in text]


def test_the_words_of_a_task_are_in_its_own_pull_request() -> None:
    """Where each task has a pull request, it has what its session said, and that of no other."""
    bodies = {text.task: text.body for text in task_pull_request_texts(run(), issues=ISSUES)}
    assert {task for task, body in bodies.items() if "## What was done\n\nIn the session's own last words" in body} == {
        "issue-2"
    }


def test_foreign_words_do_nothing_at_github() -> None:
    """What closes or mentions in either does not; neither ends its fence, its quotation or what is folded."""
    for text in texts(red(f"{PRINTED}\n{WORDS}"))[2:]:
        shown = rendered(text)
        assert not CLOSING.search(shown)
        assert not MENTION.search(shown)
        tokens = MarkdownIt("commonmark").enable("table").parse(text)
        html = "".join(token.content for token in tokens if token.type == "html_block")
        assert html.count("<details>") == html.count("</details>")
        assert "<b>" not in html


def test_a_report_says_how_many_more_there_are() -> None:
    """Of very many the first are shown, and all are in report.json."""
    made = red("7 fell", tasks=MAX_QUOTED + 10)
    text = to_markdown(made)
    assert text.count("7 fell") == 2 * MAX_QUOTED
    assert text.count(f"The first {MAX_QUOTED} of {MAX_QUOTED + 10}; all are in report.json.") == 2
    assert len(made.check_outputs) == len(made.last_words) == MAX_QUOTED + 10


def test_words_are_cut() -> None:
    """Of what a session said stand its first lines."""
    (words,) = red("word " * 1000).last_words
    assert len(words.text) <= WORDS_CHARACTERS
    assert words.text.endswith("word…")


def test_an_error_is_not_said_twice() -> None:
    """What claude says where it broke down is the error, and no word of the session."""
    outcomes = {"a": Outcome.API_UNAVAILABLE, "b": Outcome.NOT_LOGGED_IN, "c": Outcome.SUCCEEDED}
    results = [result(task, outcome, final_message="API Error: 529") for task, outcome in outcomes.items()]
    made = report(small_dag({task: [] for task in outcomes}), results)
    assert [each.task for each in made.last_words] == ["c"]


def test_a_session_that_resolved_a_conflict() -> None:
    """Its check and its words are told too, after those of the tasks."""
    told = {"check_output": "7 fell", "final_message": "resolved"}
    results = [result("_resolve-a", Outcome.CHECK_FAILED, **told), result("a", Outcome.CHECK_FAILED, **told)]
    made = report(small_dag({"a": []}), results)
    assert [each.task for each in made.check_outputs] == [each.task for each in made.last_words] == ["a", "_resolve-a"]


def test_the_last_attempt_decides() -> None:
    """What an earlier attempt printed and said is not told."""
    first = result("a", Outcome.CHECK_FAILED, check_output="7 fell", final_message="one")
    made = report(small_dag({"a": []}), [first, result("a", attempt=2, final_message="two")])
    assert (made.check_output_of("a"), made.last_words_of("a"), made.last_words_of("b")) == ("", "two", "")


def test_a_report_of_an_earlier_build() -> None:
    """One that was kept without either is read, and says as much as it did."""
    kept = red("7 fell").model_dump(mode="json", exclude={"check_outputs", "last_words"})
    assert not [text for text in texts(Report.model_validate(kept)) if "7 fell" in text]
