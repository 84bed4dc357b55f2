"""A DAG too large for a line a task: a small square for each, layer by layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from miyabi.pictures.embed import WIDTH
from miyabi.text import Box, count, render_html

MOST_SQUARES = 3000
_SQUARE, _HEAD, _MARGIN = 15, 20, 12


@dataclass(frozen=True, slots=True, kw_only=True)
class _Square:
    box: Box
    x: float
    y: float
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    name: str
    y: float
    squares: tuple[_Square, ...]


def condensed_dag(
    boxes: Sequence[Box], edges: Iterable[tuple[str, str]], *, links: Mapping[str, str] | None = None
) -> str:
    """Draws each task as a square of 13 pixels with its sign, those that wait for equally many steps side by side.

    Args:
        boxes: in an order in which each comes after those it depends on; of more than 3,000 the first are drawn.
        edges: pairs of box ids: from, to.
        links: where a press on a box leads, by its id.
    """
    depth = _depths(boxes, edges)
    by_layer: dict[int, list[Box]] = {}
    for box in boxes[:MOST_SQUARES]:
        by_layer.setdefault(depth[box.id], []).append(box)
    layers, y = list[_Layer](), float(_MARGIN)
    for number in sorted(by_layer):
        layers.append(_layer(by_layer[number], f"step {number + 1}", y=y, links=links or {}))
        y = layers[-1].squares[-1].y + _SQUARE + 8
    more = len(boxes) - MOST_SQUARES
    return render_html(
        "pictures/condensed.svg.jinja",
        width=WIDTH,
        height=y + (_HEAD if more > 0 else 0) + 4,
        layers=layers,
        more=f"and {count(more, 'more task')}" if more > 0 else "",
    )


def _layer(boxes: Sequence[Box], name: str, *, y: float, links: Mapping[str, str]) -> _Layer:
    columns = (WIDTH - 2 * _MARGIN) // _SQUARE
    squares = tuple(
        _Square(
            box=box,
            x=_MARGIN + _SQUARE * (at % columns),
            y=y + _HEAD + _SQUARE * (at // columns),
            link=links.get(box.id, ""),
        )
        for at, box in enumerate(boxes)
    )
    return _Layer(name=f"{name}: {count(len(boxes), 'task')}", y=y + 12, squares=squares)


def _depths(boxes: Sequence[Box], edges: Iterable[tuple[str, str]]) -> dict[str, int]:
    """How many steps come before each task."""
    before: dict[str, list[str]] = {box.id: [] for box in boxes}
    for first, then in edges:
        before[then].append(first)
    found: dict[str, int] = {}
    for box in boxes:
        found[box.id] = max((found[each] + 1 for each in before[box.id]), default=0)
    return found
