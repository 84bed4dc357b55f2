"""A milestone of a thousand issues."""

from __future__ import annotations

from tests.support.values.milestones import issue, select


def test_a_thousand_issues() -> None:
    """A long milestone, every issue waiting for the one before it, is no trouble."""
    selection = select(*(issue(n, f"Depends on #{n - 1}" if n > 1 else "") for n in range(1, 1001)))
    assert selection.dag is not None
    assert len(selection.dag.levels) == 1000
