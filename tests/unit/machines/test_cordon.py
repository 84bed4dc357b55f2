"""A machine that was taken out for a while: until when, and in which words."""

from __future__ import annotations

from datetime import datetime

from miyabi.machines import Cordon
from miyabi.text import time_of_day

NOW = datetime(2026, 12, 1, 21, 4).astimezone().timestamp()


def test_it_ends_by_itself() -> None:
    """With its hour, to the second; without one, never."""
    night = Cordon(machine="m1", since=NOW, until=NOW + 60)
    assert [night.holds(NOW), night.holds(NOW + 59.9), night.holds(NOW + 60)] == [True, True, False]
    assert Cordon(machine="m1", since=NOW).holds(NOW + 1e9)


def test_its_words() -> None:
    """One line, whatever a user's name may hold."""
    night = Cordon(machine="m1", since=NOW, until=NOW + 3600, by="kazu@studio")
    begun, ends = (time_of_day(moment, now=NOW) for moment in (NOW, NOW + 3600))
    assert night.words(NOW) == f"cordoned by kazu@studio at {begun}, until {ends}"
    assert Cordon(machine="m1", since=NOW, drains=True, by="a\nb").words(NOW) == f"drained by a b at {begun}"


def test_what_somebody_wrote_by_hand_is_none() -> None:
    """A variable that is no cordon of ours keeps no machine out; fields that a later build adds do no harm."""
    assert Cordon.read("cordon") is None
    assert Cordon.read({"machine": "m1"}) is None
    assert Cordon.read({"machine": "m1", "since": 1, "later": True}) == Cordon(machine="m1", since=1)
    assert Cordon.read({"machine": "m1", "since": NOW, "until": 1000 * NOW}) is None
