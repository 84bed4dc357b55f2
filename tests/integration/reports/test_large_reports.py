"""Reports of thousands of tasks, and of checks that printed as much as is kept."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from miyabi.milestones.issue_comment import IssueStatus, issue_comment
from miyabi.pull_requests.text import MAX_CHARACTERS, pull_request_text
from miyabi.reports.markdown import MAX_ROWS, to_markdown
from miyabi.sessions import Outcome
from miyabi.text.github_markdown import size
from tests.support.values.pull_requests import (
    integration,
)
from tests.support.values.results import red, report, result, small_dag


def test_large_runs_are_cut_with_a_word() -> None:
    """Thousands of tasks give tables of bounded length and no picture, each with a sentence."""
    dag = small_dag({f"t{n}": [] for n in range(2000)})
    text = to_markdown(report(dag, [result(f"t{n}", after=n) for n in range(2000)]))
    assert f"The first {MAX_ROWS} of 2,000; all are in report.json." in text
    assert "The DAG has 2,000 tasks and 0 edges: too large to be drawn." in text
    assert "2,000 sessions, more than 150, are too many to be drawn." in text
    assert "mermaid" not in text


def test_a_long_chain_of_skips() -> None:
    """A failure at the head of 2,000 dependants is reported in one pass."""
    dag = small_dag({f"t{n:04}": [f"t{n - 1:04}"] if n else [] for n in range(2000)})
    r = report(dag, [result("t0000", Outcome.BUDGET_EXCEEDED)])
    assert len(r.skips) == 1999
    assert {s.reason for s in r.skips} == {"upstream t0000 (budget_exceeded) failed"}


COMMENT_CHARACTERS = 65_536  # of GitHub


@pytest.mark.parametrize("character", ["`", "@a ", "#1 ", "🎉", "|\n"])
def test_the_longest_fit(character: str) -> None:
    """However many checks printed however much, each text fits into what GitHub takes, and each block is whole."""
    most = (character * 8192).encode()[:8192].decode(errors="ignore")
    made = red(most, tasks=60)
    whole = pull_request_text(made, integration(), issues={})
    assert max(map(size, (whole.body, *whole.further))) <= MAX_CHARACTERS
    outputs = sum(text.count("<summary>Output</summary>") for text in (whole.body, *whole.further))
    assert outputs == 1 + 20  # of the whole, and of tasks
    for text in whole.further:
        fences = [token.info for token in MarkdownIt("commonmark").parse(text) if token.type == "fence"]
        assert fences.count("text") == text.count("<summary>Output</summary>")
        assert text.count("in its own words: nobody has checked them.") == text.count("## What the other sessions said")
    assert "The first 20 of 60; all are in the run's own report." in "".join(whole.further)
    assert size(issue_comment(IssueStatus.of_task(made.tasks[0], made, None))) <= COMMENT_CHARACTERS
