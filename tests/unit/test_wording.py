from __future__ import annotations

import pytest

from miyabi.wording import clock, count, duration, percent


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
