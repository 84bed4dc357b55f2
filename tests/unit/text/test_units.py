from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from miyabi.text import clock, cost, count, duration, percent, several, time_of_day, version_numbers

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC).timestamp()  # a Thursday
HOUR = 3600


@pytest.fixture
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This computer is in that time zone."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("zone", "after", "shown"),
    [
        ("UTC", 2 * HOUR, "14:00 UTC"),
        ("CET-1CEST,M3.5.0,M10.5.0", 125 * 60, "15:05 CET"),
        ("CET-1CEST,M3.5.0,M10.5.0", 180 * 24 * HOUR, "Tue 14:00 CEST"),
        ("JST-9", 4 * HOUR, "Fri 01:00 JST"),
        ("<-03>3", 20 * HOUR, "Fri 05:00 -03"),
    ],
    indirect=["zone"],
)
def test_time_of_day(zone: None, after: float, shown: str) -> None:
    """A moment is said in the zone of this computer, with the zone, and with the day where that is another one."""
    assert time_of_day(NOON + after, now=NOON) == shown


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (1.25, "1.2 s"), (42.4, "42 s"), (59.6, "1 min 00 s"), (185, "3 min 05 s"), (7620, "2 h 07 min")],
)
def test_duration(seconds: float, words: str) -> None:
    """A length of time is said in the two largest units that matter."""
    assert duration(seconds) == words


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00"), (59.9, "0:59"), (185, "3:05"), (7650, "2:07:30")])
def test_clock(seconds: float, shown: str) -> None:
    """A clock shows whole seconds that have passed."""
    assert clock(seconds) == shown


@pytest.mark.parametrize(
    ("fraction", "words"), [(0, "0 %"), (1, "100 %"), (0.5, "50 %"), (0.9999, "99.9 %"), (0.00001, "0.1 %")]
)
def test_percent(fraction: float, words: str) -> None:
    """All and nothing are only said of all and nothing."""
    assert percent(fraction) == words


def test_count() -> None:
    """One thing is singular, thousands have a comma."""
    assert [count(n, "task") for n in (0, 1, 1200)] == ["0 tasks", "1 task", "1,200 tasks"]


@pytest.mark.parametrize(
    ("names", "most", "words"),
    [
        ([], 2, ""),
        (["a"], 2, "a"),
        (["a", "b"], 2, "a, b"),
        (["a", "b", "c"], 2, "a, b and 1 more"),
        ({"a": 1, "b": 2}, 1, "a and 1 more"),
        ([str(n) for n in range(2_002)], 2, "0, 1 and 2,000 more"),
    ],
)
def test_several(names: list[str], most: int, words: str) -> None:
    """The first ones by name, the others as a number."""
    assert several(names, most=most) == words


def test_several_sentences() -> None:
    """Where a comma would be read as part of one of them, another mark stands between them, also before the number."""
    assert several(["a, b", "c", "d"], most=2, separator="; ") == "a, b; c; and 1 more"
    assert count(1, "branch", "branches") == "1 branch"
    assert count(1_200, "branch", "branches") == "1,200 branches"


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("git version 2.39.5", (2, 39, 5)),
        ("git version 2.39.5 (Apple Git-154)", (2, 39, 5)),
        ("git version 2.45.1.windows.1", (2, 45, 1)),
        ("git version 2.50.0-rc1", (2, 50, 0)),
        ("xcode-select: note: no developer tools for x86_64 were found", ()),
        ("3.9.1.post2", (3, 9, 1)),
    ],
)
def test_versions_are_read(text: str, numbers: tuple[int, ...]) -> None:
    """The numbers are found in whatever git, or what stands for it, prints, and in the version of a package."""
    assert version_numbers(text) == numbers


@pytest.mark.parametrize(
    ("amount", "words"),
    [(0, "0.00"), (1.2, "1.20"), (0.01, "0.01"), (0.0041, "0.004"), (0.00042, "0.0004"), (1e-9, "0.0001")],
)
def test_a_cost_under_a_cent(amount: float, words: str) -> None:
    """It is never said to be nothing, nor written longer than it needs to be."""
    assert cost(amount) == words
    assert cost(amount, is_partial=True) == f"at least {words}"
