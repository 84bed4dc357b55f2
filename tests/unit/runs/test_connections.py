"""How long a machine that does not answer is waited for."""

from __future__ import annotations

from miyabi.runs.connections import Outages


def test_patience_begins_with_the_first_absence_and_anew_after_an_answer() -> None:
    """A machine is waited for as long as patience lasts, each for itself; an answer in between starts it again."""
    now = [0.0]
    outages = Outages(patience_seconds=10, clock=lambda: now[0])
    assert outages.within_grace("m1")
    now[0] = 9
    assert outages.within_grace("m1")
    assert outages.within_grace("m2")
    now[0] = 10
    assert not outages.within_grace("m1")
    assert outages.within_grace("m2")
    outages.end("m1")
    outages.end("m3")
    assert outages.within_grace("m1")
