"""Mermaid pictures: a DAG coloured by outcome and a Gantt chart by machine, safe for any title.

Mermaid refuses a text of more than 50,000 characters and more than 500 edges (`maxTextSize` and `maxEdges` of its
configuration), and shows an error in its place; what is too large gives None here, so that the caller can say so in
words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import groupby

from miyabi.text.sanitize import one_line

MAX_BOXES = 150
MAX_EDGES = 450
MAX_CHARACTERS = 45_000
MAX_TITLE = 48

_ACTIVE = re.compile(r"[!-,/:-@\[-`{-~]")


class Style(StrEnum):
    """What a box or a bar looks like."""

    GOOD = "good"
    BAD = "bad"
    WAITED = "waited"
    SKIPPED = "skipped"


_CLASSES: Mapping[Style, str] = {
    Style.GOOD: "fill:#d1f0d9,stroke:#1a7f37,color:#0b3d1a",
    Style.BAD: "fill:#ffd8d6,stroke:#cf222e,color:#5c0a10",
    Style.WAITED: "fill:#fff3c4,stroke:#9a6700,color:#4a3200",
    Style.SKIPPED: "fill:#eaeef2,stroke:#818b98,color:#3d444d,stroke-dasharray:4 3",
}
_MUTED = "#848d97"  # can be read on white and on the dark ground that Prefect's UI puts below pictures
_LOOK = (
    "%%{{init: {{'gantt': {{'useWidth': 700, 'leftPadding': {padding}, 'rightPadding': 20, "
    "'barHeight': 22, 'barGap': 5, 'fontSize': 12, 'sectionFontSize': 13}}, 'themeVariables': {{"
    "'doneTaskBkgColor': '#d1f0d9', 'doneTaskBorderColor': '#1a7f37', "
    "'critBkgColor': '#ffd8d6', 'critBorderColor': '#cf222e', "
    "'activeTaskBkgColor': '#fff3c4', 'activeTaskBorderColor': '#9a6700', "
    "'taskTextColor': '#1f2328', 'taskTextDarkColor': '#1f2328', 'taskTextOutsideColor': '{muted}', "
    "'titleColor': '{muted}', 'textColor': '{muted}', 'gridColor': '{muted}', "
    "'sectionBkgColor': '{muted}', 'sectionBkgColor2': '{muted}', 'altSectionBkgColor': 'transparent'}}}}}}%%"
)
_MOST_TICKS = 8
_INTERVALS = [
    *((f"{n}second", n) for n in (1, 2, 5, 10, 20, 30)),
    *((f"{n}minute", 60 * n) for n in (1, 2, 5, 10, 20, 30)),
    *((f"{n}hour", 3600 * n) for n in (1, 2, 3, 6, 12)),
    *((f"{n}day", 86400 * n) for n in (1, 2, 7, 30)),
]
_BARS: Mapping[Style, str] = {Style.GOOD: "done, ", Style.BAD: "crit, ", Style.WAITED: "active, ", Style.SKIPPED: ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A task in the DAG."""

    id: str
    title: str
    style: Style


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A stretch of time in the Gantt chart; bars of one section must stand together."""

    section: str
    title: str
    style: Style
    start: datetime
    end: datetime


def escape(text: str) -> str:
    """Makes a label of a text: whatever means something to Mermaid becomes an entity, a first word never a keyword."""
    line = one_line(text, characters=MAX_TITLE)
    body = _ACTIVE.sub(_entity, line[1:])
    return f"#{ord(line[0])};{body}" if line else "#160;"


def _entity(match: re.Match[str]) -> str:
    return f"#{ord(match.group())};"


def flowchart(boxes: Sequence[Box], edges: Iterable[tuple[str, str]]) -> str | None:
    """Draws the DAG; None where it is too large to be drawn. Edges are pairs of box ids: from, to."""
    names = {box.id: f"n{number}" for number, box in enumerate(boxes)}
    arrows = [f"  {names[a]} --> {names[b]}" for a, b in edges]
    if len(boxes) > MAX_BOXES or len(arrows) > MAX_EDGES:
        return None
    used = sorted({box.style for box in boxes})
    lines = [f'  {names[box.id]}["{escape(box.title)}"]:::{box.style}' for box in boxes]
    classes = [f"  classDef {style} {_CLASSES[style]}" for style in used]
    return _fitting("\n".join(["flowchart LR", *lines, *arrows, *classes]))


def gantt(bars: Sequence[Bar], *, title: str) -> str | None:
    """Draws the chart of who ran what when, in UTC; None where it is empty or too large to be drawn."""
    if not 0 < len(bars) <= MAX_BOXES:
        return None
    seconds = (max(b.end for b in bars) - min(b.start for b in bars)).total_seconds()
    padding = min(max(60, 8 * max(len(bar.section) for bar in bars)), 200)
    head = [_LOOK.format(padding=padding, muted=_MUTED), "gantt", f"  title {escape(title)}", "  dateFormat x"]
    head += [f"  axisFormat {_axis(seconds)}", f"  tickInterval {_interval(seconds)}"]
    numbered = groupby(enumerate(bars), key=lambda pair: pair[1].section)
    for section, pairs in numbered:
        head += [f"  section {escape(section)}", *(_bar(number, bar) for number, bar in pairs)]
    return _fitting("\n".join(head))


def _bar(number: int, bar: Bar) -> str:
    start = _milliseconds(bar.start)
    end = max(_milliseconds(bar.end), start + 1)
    return f"  {escape(bar.title)} :{_BARS[bar.style]}b{number}, {start}, {end}"


def _milliseconds(moment: datetime) -> int:
    return round(moment.astimezone(UTC).timestamp() * 1000)


def _axis(seconds: float) -> str:
    hour = 3600
    return "%H:%M:%S" if seconds < hour else "%H:%M" if seconds < 24 * hour else "%m-%d %H:%M"


def _interval(seconds: float) -> str:
    """So far apart that the labels do not meet."""
    fitting = (name for name, length in _INTERVALS if seconds <= _MOST_TICKS * length)
    return next(fitting, _INTERVALS[-1][0])


def _fitting(text: str) -> str | None:
    return text if len(text) <= MAX_CHARACTERS else None
