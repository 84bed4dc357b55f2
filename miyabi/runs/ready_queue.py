"""Tasks that could start if there were a slot, in the order in which they should. Pure."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Generic, TypeVar

T = TypeVar("T")

SortKey = tuple[Any, ...]
"""Smallest first, e.g. `(-remaining_minutes, priority, position in the file)`. Comparable with every other key."""

_position = attrgetter("position")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry(Generic[T]):
    position: tuple[SortKey, int]
    item: T = field(compare=False)


class ReadyQueue(Generic[T]):
    """Items by their key, equals in the order in which they came. Items are hashable and unique."""

    def __init__(self) -> None:
        self._entries: list[_Entry[T]] = []
        self._positions: dict[T, tuple[SortKey, int]] = {}
        self._count = 0

    def add(self, item: T, *, key: SortKey) -> None:
        """Puts `item` behind everything whose key is not greater."""
        self._count += 1
        entry = _Entry(position=(key, self._count), item=item)
        self._positions[item] = entry.position
        insort(self._entries, entry, key=_position)

    def remove(self, item: T) -> None:
        """Takes `item` out, if it is in."""
        if (position := self._positions.pop(item, None)) is not None:
            del self._entries[bisect_left(self._entries, position, key=_position)]

    def __iter__(self) -> Iterator[T]:
        return (entry.item for entry in tuple(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, item: T) -> bool:
        return item in self._positions
