"""GitHub at its worst while pull requests are tended: each case with each fault, and in the end it is done once.

All cases are tended in one press; the sessions that three of them need are over after the first fault, and serve the
others. `TIMES=5 .venv/bin/pytest tests/acceptance/milestone/test_tended_faults.py` does all of it five times.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from miyabi.tending.standing import STUCK
from tests.support.cli.tended_site import TendedSite, make_tended_site
from tests.support.github.emulate import Emulate
from tests.support.github.github import emulate  # noqa: F401 - fixture
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures

FAULTS = ("killed", "403", "429", "502", "timeout")
TIMES = int(os.environ.get("TIMES", "1"))


@pytest.fixture(scope="package", params=range(TIMES))
def tended(
    tmp_path_factory: pytest.TempPathFactory, prefect_server: RealServer, emulate: Emulate
) -> Iterator[TendedSite]:
    """A pull request for each case."""
    with make_tended_site(tmp_path_factory.mktemp("tended"), prefect_server, emulate) as made:
        yield made


@pytest.fixture(scope="module", params=FAULTS)
def met(tended: TendedSite, request: pytest.FixtureRequest) -> TendedSite:
    """The same once every write has met a fault, and all is done."""
    tended.put_back()
    tended.arrange(request.param)
    if request.param == "killed":
        tended.press_and_die()
    state = tended.press()
    assert (state.is_completed(), tended.awaited) == (True, ()), state.message
    return tended


@pytest.mark.parametrize(
    ("name", "file", "session"),
    [
        ("red", "fix.txt", "fix"),
        ("behind", "later.txt", ""),
        ("conflicting", "later.txt", "resolve"),
        ("reviewed", "answer.txt", "answer"),
    ],
)
def test_one_commit_is_put_on_top(met: TendedSite, name: str, file: str, session: str) -> None:
    """A merge of the base, or what a session made, with its outcome: one commit on the head before it."""
    stands = met.stands(name)
    assert (len(stands.chain), file in stands.files) == (1, True)
    assert stands.statuses == ({"miyabi": "success", f"miyabi/{session}": "success"} if session else {})
    assert (stands.comments, stands.labels) == ((), set())


def test_somebody_elses_is_left_to_them(met: TendedSite) -> None:
    """It is said in one comment, and nothing is pushed."""
    stands = met.stands("foreign")
    (comment,) = stands.comments
    assert ("leaves this pull request alone" in comment, stands.chain) == (True, ())


def test_stuck_is_said_once(met: TendedSite) -> None:
    """By the label and one comment."""
    stands = met.stands("stuck")
    (comment,) = stands.comments
    assert ("3 sessions have not mended that" in comment, stands.labels, stands.chain) == (True, {STUCK}, ())


def test_no_longer_stuck(met: TendedSite) -> None:
    """The label is gone, and nothing is said."""
    stands = met.stands("unstuck")
    assert (stands.labels, stands.comments, stands.chain) == (set(), (), ())


def test_github_is_asked_to_merge(met: TendedSite) -> None:
    """Auto-merge is on; what waits for nothing is in the merge queue, as it was seen."""
    assert met.stands("auto-merge").auto_merge == "squash"
    assert met.stands("queued").queued_at == met.heads["queued"]


def test_each_thread_has_one_answer(met: TendedSite) -> None:
    """With the commit that does it, or why not."""
    stands = met.stands("reviewed")
    (done,), (refused,) = stands.answers
    assert (f"Commit {stands.chain[0]}" in done, "Nothing is changed" in refused) == (True, True)


def test_then_nothing_is_written(met: TendedSite) -> None:
    """Pressed again it does nothing twice."""
    met.quick.github.front.forget()
    pushed = met.quick.hub.writes
    assert met.press().is_completed()
    assert met.written == ((), pushed)
