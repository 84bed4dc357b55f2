"""The hours at which a machine takes sessions, also in the nights in which the clocks are changed."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from miyabi.machines import Machine, Window

BERLIN = ZoneInfo("Europe/Berlin")
NIGHTS = "22:00-07:30, Sat, Sun, Europe/Berlin"


def at(text: str) -> float:
    """A moment as a clock in Berlin shows it."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()


def window(hours: str, now: str) -> tuple[str, str]:
    """When the machine is open, now or next, as a clock in Berlin shows it."""
    found = Machine(name="m1", active_hours=hours).window(at(now))
    assert found
    opens, closes = (datetime.fromtimestamp(each, BERLIN).strftime("%a %H:%M") for each in (found.opens, found.closes))
    return opens, closes


@pytest.mark.parametrize(
    ("hours", "now", "found"),
    [
        pytest.param(NIGHTS, "2026-12-01T12:00", ("Tue 22:00", "Wed 07:30"), id="closed: tonight"),
        pytest.param(NIGHTS, "2026-12-01T23:00", ("Tue 22:00", "Wed 07:30"), id="open"),
        pytest.param(NIGHTS, "2026-12-02T07:29", ("Tue 22:00", "Wed 07:30"), id="open since yesterday"),
        pytest.param(NIGHTS, "2026-12-02T07:30", ("Wed 22:00", "Thu 07:30"), id="closed this moment"),
        pytest.param(NIGHTS, "2026-12-04T23:00", ("Fri 22:00", "Mon 07:30"), id="a night, two days and a night"),
        pytest.param(
            "Mon-Fri 20:00-06:00, Europe/Berlin", "2026-12-05T12:00", ("Mon 20:00", "Tue 06:00"), id="weekdays"
        ),
        pytest.param(
            "Fri-Mon, Europe/Berlin", "2026-12-01T12:00", ("Fri 00:00", "Tue 00:00"), id="over the week's end"
        ),
        pytest.param("sat 10:00 - 18:00, Europe/Berlin", "2026-12-01T12:00", ("Sat 10:00", "Sat 18:00"), id="one day"),
        pytest.param(
            "22:00-07:30, Europe/Berlin", "2026-03-28T23:00", ("Sat 22:00", "Sun 07:30"), id="a shorter night"
        ),
        pytest.param("22:00-07:30, Europe/Berlin", "2026-10-24T23:00", ("Sat 22:00", "Sun 07:30"), id="a longer night"),
        pytest.param("23:00-05:00, UTC", "2026-12-01T12:00", ("Wed 00:00", "Wed 06:00"), id="another zone"),
    ],
)
def test_when_it_is_open(hours: str, now: str, found: tuple[str, str]) -> None:
    """The window that is open, or the next one; those that touch are one."""
    assert window(hours, now) == found


def test_changed_clocks_make_nights_shorter_and_longer() -> None:
    """By the hour that is left out or comes twice: it is the clock on the wall that counts."""
    lengths = []
    for night in ("2026-12-01T23:00", "2026-03-28T23:00", "2026-10-24T23:00"):
        found = Machine(name="m1", active_hours="22:00-07:30, Europe/Berlin").window(at(night))
        assert found
        lengths.append((found.closes - found.opens) / 3600)
    assert lengths == [9.5, 8.5, 10.5]


def test_open_for_ever() -> None:
    """Every day is open, and closes as far ahead as anybody asks; without hours there is no window at all."""
    always = Machine(name="m1", active_hours="Mon-Sun").window(at("2026-12-01T12:00"))
    assert always
    assert always.closes - at("2026-12-01T12:00") > 7 * 86_400
    assert Machine(name="m1").window(0) is None
    assert Machine(name="m1").is_active(0)


def test_what_may_begin() -> None:
    """What ends in time; and what never would, in the first half of the window: else it would wait for ever."""
    night = Window(1000, 2000)
    assert night.has_room(400, now=1600)
    assert not night.has_room(400, now=1601)
    assert night.has_room(9999, now=1500)
    assert not night.has_room(9999, now=1501)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ",",
        "night",
        "22:00",
        "22:00-25:00",
        "22-7",
        "22:00-22:00",
        "Mon-Xxx",
        "UTC",
        "Sat, Europe/Berln",
        "a/b, c/d",
    ],
)
def test_what_are_no_hours(text: str) -> None:
    """It is refused, with what it must be."""
    with pytest.raises(ValidationError, match=r"must be hours, days or both|must be an hour|must name a time zone"):
        Machine(name="m1", active_hours=text)
