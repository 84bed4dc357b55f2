"""Pauses between tries."""

from __future__ import annotations

from itertools import islice

import pytest

from miyabi.system import Backoff


def test_pauses_double_up_to_the_longest() -> None:
    """The first, twice that, and so on; the longest from then on, as often as one likes."""
    assert list(islice(Backoff(0.5, 3), 5)) == [0.5, 1, 2, 3, 3]
    assert [Backoff(2).seconds(failures) for failures in (1, 2, 10)] == [2, 4, 1024]
    assert Backoff(1, 900).seconds(100_000) == 900


def test_each_way_through_begins_with_the_first() -> None:
    """One value serves all who wait."""
    backoff = Backoff(0.1, 1)
    assert next(iter(backoff)) == next(iter(backoff)) == 0.1


@pytest.mark.parametrize("jitter", [0.0, 0.33, 1.0])
def test_chance_takes_a_share_and_adds_nothing(jitter: float) -> None:
    """Jitter makes a pause shorter by at most that share."""
    for pause, full in zip(Backoff(0.2, 5, jitter=jitter), [0.2, 0.4, 0.8, 1.6, 3.2, *[5] * 50], strict=False):
        assert full * (1 - jitter) <= pause <= full
