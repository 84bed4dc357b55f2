"""What a run makes of machines that somebody has taken out for a while."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from miyabi.machines import Cordon, Machine
from miyabi.runs.cordons import DRAINED, Cordons
from miyabi.sessions import Outcome, SessionResult
from tests.support.values.results import result

FLEET = [Machine(name="m1", labels=("gpu",)), Machine(name="m2")]


def cordons(**more: bool) -> Cordons:
    """Those of a fleet whose first machine is out."""
    found = Cordons()
    found.note({"m1": Cordon(machine="m1", since=time.time(), **more)})
    return found


def stopped(*, machine: str = "m1", ago: float = 60, outcome: Outcome = Outcome.STOPPED) -> SessionResult:
    """A session that began so many seconds ago."""
    start = datetime.now(UTC) - timedelta(seconds=ago)
    return result("a", outcome, run="r1", machine=machine, start=start)


def test_a_session_that_was_told_to_end() -> None:
    """Only on the machine that is emptied, and where it was stopped; also when that is lifted meanwhile."""
    emptied = cordons(drains=True, now=True)
    assert emptied.explained(stopped()).error_kind == DRAINED
    assert emptied.explained(stopped(machine="m2")).error_kind is None
    assert emptied.explained(stopped(outcome=Outcome.SUCCEEDED)).error_kind is None
    emptied.note({})
    assert emptied.explained(stopped()).error_kind == DRAINED
    assert emptied.explained(stopped(ago=-60)).error_kind is None
    assert cordons(drains=True).explained(stopped()).error_kind is None


def test_who_may_take_its_tasks() -> None:
    """Another machine with the labels that is not out itself."""
    out = cordons()
    assert ("m1" in out, "m2" in out) == (True, False)
    assert out.others("m1", FLEET, ())
    assert not out.others("m1", FLEET, ("gpu",))
    assert not out.others("m2", FLEET, ())
    assert not cordons().others("m1", FLEET[:1], ())


def test_words_for_whoever_watches() -> None:
    """Each that is out, and that the run waits where none is left; an hour that is over is none."""
    assert cordons().words(FLEET).startswith("m1 is cordoned at ")
    assert cordons().words(FLEET[:1]).endswith(": no machine is left, and the run waits.")
    over = Cordons()
    over.note({"m1": Cordon(machine="m1", since=0, until=1, now=True)})
    assert (over.words(FLEET), over.empties_any) == ("", False)
