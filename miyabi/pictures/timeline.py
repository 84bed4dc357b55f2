"""Who ran what when, by machine: a bar for each session, and where there are very many a line for each slot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby

from miyabi.pictures.embed import WIDTH, breadth, fitting
from miyabi.text import Bar, one_line, render_html

MOST_BARS = 150
MOST_CONDENSED = 5000
_MARGIN, _AXIS, _HEAD = 12, 30, 24
_BAR, _THIN, _TYPE = 22, 12, 12
_HOUR, _DAY = 3600, 86400
_TICKS = 4
_INTERVALS = (
    *(1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 10800, 21600, 43200),
    *(days * _DAY for days in (1, 2, 7, 14, 30, 90, 365)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stretch:
    """A bar where it stands; `text_x` is where its words begin, or end where `anchor` says so."""

    bar: Bar
    x: float
    y: float
    width: float
    words: str = ""
    text_x: float = 0.0
    anchor: str = "start"
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    name: str
    y: float
    stretches: tuple[_Stretch, ...]


@dataclass(frozen=True, slots=True)
class _Scale:
    """How moments become pixels."""

    first: datetime
    seconds: float

    def x(self, moment: datetime) -> float:
        share = (moment - self.first).total_seconds() / self.seconds
        return _MARGIN + share * (WIDTH - 2 * _MARGIN)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Where a time is written, in UTC, and what."""
        length = next((each for each in _INTERVALS if self.seconds <= _TICKS * each), _INTERVALS[-1])
        shape = "%H:%M:%S" if self.seconds < _HOUR else "%H:%M" if self.seconds < _DAY else "%m-%d %H:%M"
        begin = self.first.astimezone(UTC).timestamp()
        moment, found = -(-begin // length) * length, list[tuple[float, str]]()
        while moment <= begin + self.seconds:
            at = datetime.fromtimestamp(moment, UTC)
            found.append((self.x(at), at.strftime(shape)))
            moment += length
        return found


def timeline_picture(bars: Sequence[Bar], *, links: dict[str, str] | None = None) -> str | None:
    """Draws the chart as SVG, None of nothing; of more than 150 sessions a line holds those of a slot, without names.

    Args:
        bars: those of one machine stand together; of more than 5,000 the first are drawn.
        links: where a press on a bar leads, by its title.
    """
    if not bars:
        return None
    first, last = min(bar.start for bar in bars), max(bar.end for bar in bars)
    scale = _Scale(first, max(1.0, (last - first) / timedelta(seconds=1)))
    is_thin = len(bars) > MOST_BARS
    sections, y = list[_Section](), float(_AXIS)
    for name, group in groupby(bars[:MOST_CONDENSED], key=lambda bar: bar.section):
        sections.append(_section(name, list(group), y, scale, is_thin=is_thin, links=links or {}))
        y = max(each.y for each in sections[-1].stretches) + (_THIN if is_thin else _BAR) + 6
    return render_html(
        "pictures/timeline.svg.jinja",
        width=WIDTH,
        height=y + 6,
        top=_AXIS,
        bar=(_THIN if is_thin else _BAR) - 3,
        is_thin=is_thin,
        ticks=scale.ticks,
        sections=sections,
    )


def _section(
    name: str, bars: Sequence[Bar], y: float, scale: _Scale, *, is_thin: bool, links: dict[str, str]
) -> _Section:
    lines = _slots(bars) if is_thin else list(range(len(bars)))
    height, make = (_THIN, _thin) if is_thin else (_BAR, _named)
    stretches = [
        make(bar, y + _HEAD + height * line, scale, links.get(bar.title, ""))
        for bar, line in zip(bars, lines, strict=True)
    ]
    shown = fitting(one_line(name), width=WIDTH - 3 * _MARGIN, size=13)
    return _Section(name=shown, y=y + 17, stretches=tuple(stretches))


def _slots(bars: Sequence[Bar]) -> list[int]:
    """The line of each: the first on which nothing runs any more."""
    ends, found = list[datetime](), list[int]()
    for bar in bars:
        line = next((at for at, end in enumerate(ends) if end <= bar.start), len(ends))
        ends[line : line + 1] = [bar.end]
        found.append(line)
    return found


def _thin(bar: Bar, y: float, scale: _Scale, link: str) -> _Stretch:
    x = scale.x(bar.start)
    return _Stretch(bar=bar, x=x, y=y, width=max(1.5, scale.x(bar.end) - x - 0.5), link=link)


def _named(bar: Bar, y: float, scale: _Scale, link: str) -> _Stretch:
    """With its name in it, else behind it, else before it, wherever there is more room."""
    x = scale.x(bar.start)
    width = max(16.0, scale.x(bar.end) - x)
    x = min(x, WIDTH - _MARGIN - width)
    name = one_line(bar.title)
    wanted, behind, before = breadth(name, size=_TYPE), WIDTH - x - width - 10, x - 10
    if wanted <= width - 24:
        words, at, anchor = name, x + 19, "start"
    elif wanted <= behind or behind >= before:
        words, at, anchor = fitting(name, width=behind, size=_TYPE), x + width + 5, "start"
    else:
        words, at, anchor = fitting(name, width=before, size=_TYPE), x - 5, "end"
    return _Stretch(bar=bar, x=x, y=y, width=width, words=words, text_x=at, anchor=anchor, link=link)
