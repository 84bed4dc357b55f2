"""Order in a graph of numbered nodes. Nothing here recurses: a chain of 10,000 nodes is as good as any."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence

Links = Sequence[Sequence[int]]
"""For each node, the numbers of those it is linked to."""


def reversed_links(links: Links) -> list[list[int]]:
    """Returns the same links seen from the other end."""
    back: list[list[int]] = [[] for _ in links]
    for node, others in enumerate(links):
        for other in others:
            back[other].append(node)
    return back


def some_order(before: Links, after: Links) -> list[int]:
    """Orders nodes, each after all of `before`; those on a cycle, or behind one, are left out."""
    missing = [len(others) for others in before]
    order = [node for node, count in enumerate(missing) if not count]
    for node in order:  # grows while it is walked
        for other in after[node]:
            missing[other] -= 1
            if not missing[other]:
                order.append(other)
    return order


def cycle(before: Links, *, ordered: Iterable[int]) -> list[int]:
    """Finds one cycle among the nodes that could not be ordered, each before the next, its lowest first and last."""
    done = set(ordered)
    node = next(node for node in range(len(before)) if node not in done)
    position: dict[int, int] = {}
    while node not in position:
        position[node] = len(position)
        node = next(other for other in before[node] if other not in done)
    round_trip = [*position][position[node] :][::-1]
    lowest = round_trip.index(min(round_trip))
    return [*round_trip[lowest:], *round_trip[: lowest + 1]]


def longest_ahead(order: Sequence[int], links: Links, minutes: Sequence[float]) -> list[float]:
    """Adds up the longest path that begins with each node, over `links`; `order` ends each path first.

    Returns:
        Minutes by node, its own included.
    """
    total = list(minutes)
    for node in order:
        ahead = max((total[other] for other in links[node]), default=0.0)
        total[node] = round(minutes[node] + ahead, 6)  # sums in another order must not tell equal paths apart
    return total


def by_rank(before: Links, after: Links, rank: Sequence[int]) -> list[int]:
    """Orders nodes, each after all of `before`; among those that could be next, the lowest rank is."""
    missing = [len(others) for others in before]
    ready = [(rank[node], node) for node, count in enumerate(missing) if not count]
    heapq.heapify(ready)
    order: list[int] = []
    while ready:
        node = heapq.heappop(ready)[1]
        order.append(node)
        for other in after[node]:
            missing[other] -= 1
            if not missing[other]:
                heapq.heappush(ready, (rank[other], other))
    return order


def depths(order: Sequence[int], before: Links) -> list[int]:
    """Counts the nodes on the longest path before each node.

    Returns:
        That number by node, 0 for one that waits for nothing.
    """
    depth = [0] * len(before)
    for node in order:
        depth[node] = 1 + max((depth[other] for other in before[node]), default=-1)
    return depth
