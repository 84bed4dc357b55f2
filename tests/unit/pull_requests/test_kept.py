"""What tending put on top of a run's work: the run does not take it back when it is published again."""

from __future__ import annotations

from miyabi.pull_requests import Tended

BRANCH, RUN, ONCE, TWICE, NEW = "miyabi/r1", "a" * 40, "b" * 40, "c" * 40, "d" * 40


def test_the_runs_own_commit_gives_way_to_what_is_on_top_of_it() -> None:
    """However often it was tended: the same work goes to the last head, other branches to their commits."""
    tended = Tended().with_head(BRANCH, on=RUN, head=ONCE).with_head(BRANCH, on=ONCE, head=TWICE)
    assert tended.heads_for({BRANCH: RUN, "miyabi/r1/a": RUN}) == {BRANCH: TWICE, "miyabi/r1/a": RUN}


def test_new_work_of_the_run_does_not() -> None:
    """Of a run that went on, its new commit counts."""
    tended = Tended().with_head(BRANCH, on=RUN, head=ONCE)
    assert tended.heads_for({BRANCH: NEW}) == {BRANCH: NEW}


def test_kept_again_it_is_the_same() -> None:
    """Killed before its push, the same merge is kept once more: on top of the same."""
    tended = Tended().with_head(BRANCH, on=RUN, head=ONCE).with_head(BRANCH, on=ONCE, head=TWICE)
    assert tended.with_head(BRANCH, on=ONCE, head=TWICE) == tended


def test_what_was_never_pushed_gives_way_to_what_comes_in_its_place() -> None:
    """Killed before its push, and the base moves on: another merge, on top of the same, is the run's still."""
    tended = Tended().with_head(BRANCH, on=RUN, head=ONCE).with_head(BRANCH, on=ONCE, head=TWICE)
    assert tended.with_head(BRANCH, on=ONCE, head=NEW).heads_for({BRANCH: RUN}) == {BRANCH: NEW}


def test_a_sessions_outcome_is_to_be_shown_once_a_head() -> None:
    """At the head that it made, until it is shown there; a merge that no session made has none."""
    tended = Tended().with_head(BRANCH, on=RUN, head=ONCE, run="tend-1-a")
    assert [tended.run_to_show(BRANCH, head=head) for head in (ONCE, RUN)] == ["tend-1-a", ""]
    assert tended.with_statuses(BRANCH, head=ONCE).run_to_show(BRANCH, head=ONCE) == ""
    assert tended.with_head(BRANCH, on=ONCE, head=TWICE).run_to_show(BRANCH, head=TWICE) == ""
