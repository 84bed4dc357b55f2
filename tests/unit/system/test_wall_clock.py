"""The next time that it is some hour, also in the nights in which the clocks are changed."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from miyabi.system import fixed, next_moment

BERLIN = ZoneInfo("Europe/Berlin")


def moment(text: str, zone: ZoneInfo = BERLIN) -> float:
    """A moment as a clock in that zone shows it."""
    given = datetime.fromisoformat(text)
    return (given if given.tzinfo else given.replace(tzinfo=zone)).timestamp()


def after(text: str, now: str) -> str:
    """The next moment, as it is in UTC."""
    return datetime.fromtimestamp(next_moment(text, now=moment(now)), tz=UTC).strftime("%d %H:%M")


@pytest.mark.parametrize(
    ("text", "now", "then"),
    [
        pytest.param("07:00 Europe/Berlin", "2026-12-01T22:00", "02 06:00", id="tonight"),
        pytest.param("07:00 Europe/Berlin", "2026-12-02T06:59", "02 06:00", id="in a minute"),
        pytest.param("07:00 Europe/Berlin", "2026-12-02T07:00", "03 06:00", id="it is that hour"),
        pytest.param("7:00   Europe/Berlin", "2026-12-01T22:00", "02 06:00", id="one digit"),
        pytest.param("07:00 UTC", "2026-12-01T22:00", "02 07:00", id="another zone"),
        pytest.param("07:00 Asia/Tokyo", "2026-12-01T22:00", "01 22:00", id="a zone a day ahead"),
        pytest.param("07:00 Europe/Berlin", "2026-03-28T22:00", "29 05:00", id="the night is an hour shorter"),
        pytest.param("07:00 Europe/Berlin", "2026-10-24T22:00", "25 06:00", id="the night is an hour longer"),
        pytest.param("02:30 Europe/Berlin", "2026-03-28T22:00", "29 01:30", id="an hour that does not come"),
        pytest.param("02:30 Europe/Berlin", "2026-10-24T22:00", "25 00:30", id="an hour that comes twice"),
        pytest.param("02:30 Europe/Berlin", "2026-10-25T00:40+00:00", "26 01:30", id="the first of them is over"),
        pytest.param("2026-12-02T07:00+01:00", "2026-12-01T22:00", "02 06:00", id="a moment"),
        pytest.param("2026-12-02T07:00+01:00", "2027-01-01T22:00", "02 06:00", id="a moment that is past"),
    ],
)
def test_the_next_time_it_is_that_hour(text: str, now: str, then: str) -> None:
    """By the clock of the zone that is named, whatever that clock does in this night."""
    assert after(text, now) == then


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Pacific/Chatham", "UTC"])
@pytest.mark.parametrize("day", ["2026-03-07", "2026-03-28", "2026-10-24", "2026-10-31"])
def test_it_is_always_to_come_and_never_far(zone: str, day: str) -> None:
    """Every quarter of an hour around a change of clocks: later than now, and within a day and an hour."""
    start = moment(f"{day}T00:00", ZoneInfo(zone))
    for now in (start + 900 * quarter for quarter in range(4 * 60)):
        assert 0 < next_moment(f"02:30 {zone}", now=now) - now <= 25 * 3600


def test_without_a_zone_it_is_this_computers(monkeypatch: pytest.MonkeyPatch) -> None:
    """As its clock shows the hour, in the nights of a change too."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        for now in ("2026-12-01T22:00", "2026-03-28T22:00", "2026-10-24T22:00"):
            assert after("07:00", now) == after("07:00 Europe/Berlin", now)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_fixed_text_means_one_moment_for_ever() -> None:
    """Whoever reads it later, in whatever zone, means the same."""
    now = moment("2026-12-01T22:00")
    text = fixed("07:00 Europe/Berlin", now=now)
    assert next_moment(text, now=now + 86_400) == next_moment("07:00 Europe/Berlin", now=now)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must be an hour such as '07:00'"),
        ("25:00", "must be an hour such as '07:00'"),
        ("07:60", "must be an hour such as '07:00'"),
        ("seven", "must be an hour such as '07:00'"),
        ("7", "must be an hour such as '07:00'"),
        ("2026-12-02T07:00", "with its offset"),
        ("9999-12-31T23:59-05:00", "must be an hour such as '07:00'"),
        ("0001-01-01T00:00+05:00", "must be an hour such as '07:00'"),
        ("07:00 Europe/Berln", "must name a time zone as the IANA database has it, such as 'Europe/Berlin'"),
        ("07:00 ../etc/passwd", "must name a time zone"),
    ],
)
def test_what_is_no_hour(text: str, said: str) -> None:
    """It is said what it must be."""
    with pytest.raises(ValueError, match=said.replace("(", r"\(")):
        next_moment(text, now=0)
