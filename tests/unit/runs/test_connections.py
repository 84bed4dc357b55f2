"""How long a machine that does not answer is borne."""

from __future__ import annotations

from miyabi.runs.connections import Absences


def test_patience_begins_with_the_first_absence_and_anew_after_an_answer() -> None:
    """A machine is borne for as long as patience lasts, each for itself; an answer in between starts it again."""
    now = [0.0]
    absences = Absences(patience_seconds=10, clock=lambda: now[0])
    assert absences.is_borne("m1")
    now[0] = 9
    assert absences.is_borne("m1")
    assert absences.is_borne("m2")
    now[0] = 10
    assert not absences.is_borne("m1")
    assert absences.is_borne("m2")
    absences.end("m1")
    absences.end("m3")
    assert absences.is_borne("m1")
