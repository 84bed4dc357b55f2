"""The order of ready tasks."""

from __future__ import annotations

import random

from miyabi.runs import ReadyQueue


def test_smallest_key_first_then_first_come() -> None:
    """Items leave by key, and equals in the order in which they came."""
    queue: ReadyQueue[str] = ReadyQueue()
    for item, key in [("late", (2,)), ("first", (1,)), ("second", (1,)), ("early", (0, 9))]:
        queue.add(item, key=key)
    assert list(queue) == ["early", "first", "second", "late"]


def test_removing() -> None:
    """What was taken out is gone, and taking it out again is no error."""
    queue: ReadyQueue[str] = ReadyQueue()
    queue.add("a", key=(1,))
    queue.add("b", key=(1,))
    queue.remove("a")
    queue.remove("a")
    assert list(queue) == ["b"]
    assert "a" not in queue
    assert len(queue) == 1


def test_as_sorted_would() -> None:
    """Whatever comes and goes, the order is that of a stable sort."""
    dice = random.Random(7)  # noqa: S311 - the same dice each time
    queue: ReadyQueue[int] = ReadyQueue()
    keys = {number: (dice.randrange(20),) for number in range(500)}
    for number, key in keys.items():
        queue.add(number, key=key)
    gone = set(dice.sample(sorted(keys), 250))
    for number in gone:
        queue.remove(number)
    assert list(queue) == sorted(keys.keys() - gone, key=lambda number: (keys[number], number))


def test_may_change_while_it_is_walked() -> None:
    """A walk sees the items that were there when it began."""
    queue: ReadyQueue[str] = ReadyQueue()
    for item in "abc":
        queue.add(item, key=())
    for item in queue:
        queue.remove(item)
    assert len(queue) == 0
