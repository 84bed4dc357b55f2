"""A DAG as rails: a task a line, in order, and beside it the rails on which what it makes goes down to its dependants.

A layered drawing is as wide as its widest layer, and an `<img>` cannot be scrolled: twelve tasks side by side would be
shrunk to type of three pixels on a phone. This one grows downwards only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from miyabi.pictures.condensed import condensed_dag
from miyabi.pictures.embed import WIDTH, fitting
from miyabi.text import Box, one_line, render_html

MOST_BOXES = 150
MOST_EDGES = 450
_TOP, _LINE = 12, 36
_RAIL, _ALL_RAILS = 11, 110
_RADIUS, _LEAVES, _ENTERS = 9, 4, -4
_COLOURS = ("#0969da", "#8250df", "#9a6700", "#1b7c83", "#bc4c00", "#57606a")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A task in the picture: where it stands, and what is written."""

    box: Box
    y: float
    name: str
    title: str
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Track:
    """A path from a task to its dependants, and the points where it enters them."""

    path: str
    colour: str
    tips: tuple[tuple[float, float, bool], ...]


def dag_picture(
    boxes: Sequence[Box], edges: Iterable[tuple[str, str]], *, links: Mapping[str, str] | None = None
) -> str:
    """Draws the DAG as SVG; one of more than 150 tasks or 450 edges as `condensed_dag` does.

    Args:
        boxes: in an order in which each comes after those it depends on.
        edges: pairs of box ids: from, to.
        links: where a press on a box leads, by its id.
    """
    pairs, links = list(edges), links or {}
    if len(boxes) > MOST_BOXES or len(pairs) > MOST_EDGES:
        return condensed_dag(boxes, pairs, links=links)
    rows = {box.id: row for row, box in enumerate(boxes)}
    targets: dict[int, list[int]] = {row: [] for row in range(len(boxes))}
    for before, after in pairs:
        targets[rows[before]].append(rows[after])
    rails = _rails(targets)
    step = min(_RAIL, _ALL_RAILS / max(1, max(rails.values(), default=0) + 1))
    left = 14 + _RADIUS + step * (max(rails.values(), default=-1) + 1)
    lines = [_line(box, row, left=left, link=links.get(box.id, "")) for row, box in enumerate(boxes)]
    tracks = [
        track for row, after in targets.items() for track in _tracks(row, after, rails.get(row), left=left, step=step)
    ]
    return render_html(
        "pictures/dag.svg.jinja",
        width=WIDTH,
        height=_TOP * 2 + _LINE * len(boxes),
        left=left,
        lines=lines,
        tracks=tracks,
    )


def _line(box: Box, row: int, *, left: float, link: str) -> _Line:
    room = WIDTH - left - 30
    name, title = one_line(box.id), one_line(box.title.removeprefix(f"{box.id}: "))
    return _Line(
        box=box,
        y=_TOP + _LINE * (row + 0.5),
        name=fitting(name, width=room, size=14),
        title="" if title == name else fitting(title, width=room, size=12),
        link=link,
    )


def _rails(targets: Mapping[int, Sequence[int]]) -> dict[int, int]:
    """The rail of each task that has dependants further down than the next line, counted from the tasks outwards."""
    spans = {row: max(after) for row, after in targets.items() if any(each > row + 1 for each in after)}
    found: dict[int, int] = {}
    for row, last in sorted(spans.items(), key=lambda span: (span[1] - span[0], span[0])):
        taken = {found[other] for other in found if other < last and spans[other] > row}
        found[row] = next(rail for rail in range(len(spans) + 1) if rail not in taken)
    return found


def _tracks(row: int, after: Sequence[int], rail: int | None, *, left: float, step: float) -> Iterable[_Track]:
    y = _TOP + _LINE * (row + 0.5)
    if row + 1 in after:
        end = y + _LINE - _RADIUS
        yield _Track(path=f"M{left:.1f} {y + _RADIUS:.1f}V{end - 4:.1f}", colour="#57606a", tips=((left, end, True),))
    far = sorted(each for each in after if each > row + 1)
    if rail is None or not far:
        return
    x, turn = left - _RADIUS - 6 - step * (rail + 0.5), min(6.0, step * 0.8)
    edge = left - _RADIUS
    down = [_TOP + _LINE * (each + 0.5) + _ENTERS for each in far]
    start = y + _LEAVES
    path = f"M{edge:.1f} {start:.1f}H{x + turn:.1f}Q{x:.1f} {start:.1f} {x:.1f} {start + turn:.1f}"
    path += f"V{down[-1] - turn:.1f}"
    path += "".join(f"M{x:.1f} {at - turn:.1f}Q{x:.1f} {at:.1f} {x + turn:.1f} {at:.1f}H{edge - 4:.1f}" for at in down)
    yield _Track(path=path, colour=_COLOURS[rail % len(_COLOURS)], tips=tuple((edge, at, False) for at in down))
