"""Pull requests of hundreds of tasks."""

from __future__ import annotations

import pytest

from miyabi.pull_requests.text import MAX_CHARACTERS, pull_request_text
from miyabi.text.github_markdown import size
from tests.support.values.pull_requests import closing, large
from tests.support.values.results import RUN


@pytest.mark.parametrize("tasks", [40, 600])
def test_large_runs_fit(tasks: int) -> None:
    """However large the run, body and further texts each fit, and no table row is lost between them."""
    made, integrated, issues = large(tasks)
    text = pull_request_text(made, integrated, issues=issues)
    texts = (text.body, *text.further)
    assert max(map(size, texts)) <= MAX_CHARACTERS
    rows = sum(each.count(" | succeeded | 0.25 | ") for each in texts)
    assert rows == min(tasks, 500)
    assert len(text.closes) == len(closing(text.body)) == tasks
    assert not any(closing(each) for each in text.further)
    if text.further:
        assert "Too long for this text, and told separately: " in text.body
        assert text.overflow == "\n".join(text.further)
        assert text.further[0].startswith(f"<!-- miyabi:overflow {RUN} 1 -->\n## ")


def test_a_smaller_limit() -> None:
    """Another limit is kept too; each part is cut between sections, never within one."""
    made, integrated, issues = large(60)
    text = pull_request_text(made, integrated, issues=issues, max_characters=20_000)
    assert all(size(each) <= 20_000 for each in (text.body, *text.further))
    assert all(each.split("\n", 1)[1].startswith("## ") for each in text.further)
    assert sum(each.count("```") for each in (text.body, *text.further)) % 2 == 0
