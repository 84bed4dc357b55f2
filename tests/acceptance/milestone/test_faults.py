"""GitHub at its worst while a milestone is run: in the end everything is there once, and then nothing is written."""

from __future__ import annotations

from tests.support.cli.local_site import LocalSite
from tests.support.cli.milestone_site import MilestoneSite, closed, emulate, github, quick  # noqa: F401 - fixtures
from tests.support.prefect.server import prefect_database, prefect_server  # noqa: F401 - fixtures

Quick = MilestoneSite[LocalSite]
TIMES = 5
LIMIT = {"retry_after": "1"}


def test_refused(quick: Quick) -> None:
    """A 502, a 429 and a 403 with retry-after, five times each, before anything was carried out."""
    milestone, issues = _five(quick)
    front = quick.github.front
    for number in issues:
        front.refuse("POST", r"/pulls$", status=502)
        front.before("POST", r"/pulls$", lambda: None)  # the next one goes through
        front.refuse("POST", rf"/issues/{number}/comments$", status=429, headers=LIMIT)
    front.refuse("PATCH", r"/milestones/\d+$", status=403, message="secondary rate limit", headers=LIMIT, times=TIMES)
    assert quick.press(milestone).status == 0
    _all_is_there_once(quick, milestone, issues)


def test_unanswered(quick: Quick) -> None:
    """A timeout after a pull request was made, a connection reset after a comment was, five times each; and a push."""
    milestone, issues = _five(quick, timeout_seconds=1.2)
    front = quick.github.front
    front.delay("POST", r"/pulls$", seconds=2, times=TIMES)
    front.lose("POST", r"/issues/\d+/comments$", times=TIMES)
    front.cut("POST", r"/statuses/", times=2)
    front.lose("PATCH", r"/milestones/\d+$")
    quick.hub.lose()
    assert quick.press(milestone).status == 0
    _all_is_there_once(quick, milestone, issues)


def _five(quick: Quick, **settings: float) -> tuple[int, list[int]]:
    """A milestone with five issues, each of which gets a pull request of its own."""
    quick.configure(github=settings, pull_request={"mode": "per-task"}, milestone={"labels": False})
    milestone = quick.remote.milestone("v1", description="Words of people.")
    return milestone, [quick.issue(f"Issue {n}", milestone) for n in range(TIMES)]


def _all_is_there_once(quick: Quick, milestone: int, issues: list[int]) -> None:
    pulls = {closed(pull["body"])[0]: pull for pull in quick.remote.pulls(state="all")}
    assert len(quick.remote.pulls(state="all")) == TIMES
    assert sorted(pulls) == issues
    for number in issues:
        assert f"#{pulls[number]['number']}" in quick.comment(number)
        assert quick.statuses(f"{pulls[number]['head']['ref']}") == {f"miyabi/issue-{number}": "success"}
    assert quick.description(milestone).count("miyabi:begin") == 1
    assert quick.description(milestone).startswith("Words of people.")
    quick.github.front.forget()
    assert quick.press(milestone).status == 0
    assert quick.github.front.writes == ()
