"""What a run made of a milestone, in one line."""

from __future__ import annotations

import pytest

from miyabi.milestones import milestone_sentence
from miyabi.pull_requests import Publication
from miyabi.sessions import Outcome
from tests.support.values.earlier_runs import past, plan, pull
from tests.support.values.milestones import issue


@pytest.mark.parametrize(
    ("waiting", "said"),
    [
        (0, "milestone 3: nothing is to be run: no issue is open."),
        (1, "milestone 3: nothing is to be run now: 1 open issue waits."),
        (2, "milestone 3: nothing is to be run now: 2 open issues wait."),
    ],
)
def test_nothing_to_run(waiting: int, said: str) -> None:
    """It says whether anything is left at all."""
    made = plan(*(issue(n) for n in range(waiting)), skipped=dict.fromkeys(range(waiting), "why"))
    assert milestone_sentence(made, report=None, publications=(), faults=()) == said


def test_a_run() -> None:
    """What came of it, where it is, that of earlier runs too, and what went wrong."""
    publications = [
        Publication(repository="acme/app", pull_requests=(pull(12, html_url="URL"),)),
        Publication(repository="acme/app", note="Run x: nothing to merge."),
    ]
    report = past({7: Outcome.SUCCEEDED, 8: Outcome.AGENT_ERROR}).report
    sentence = milestone_sentence(
        plan(issue(8)), report=report, publications=publications, faults=["The milestone was not updated: 502."]
    )
    assert sentence.startswith("milestone 3: 1 of 2 tasks succeeded (50 %)")
    assert sentence.endswith(" Pull request #12 URL. Run x: nothing to merge. The milestone was not updated: 502.")
    assert "\n" not in sentence
