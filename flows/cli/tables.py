"""Tables for a terminal: columns that can do with less share what figures leave of the width."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.cli.terminal import showable

_GAP = 2
_WIDE = 200
Justify = Literal["left", "right"]
Overflow = Literal["ellipsis", "crop"]


def table_console() -> Console:
    """Makes a console as wide as the terminal; a file or a pipe has no width, so nothing is cut there."""
    console = Console(highlight=False)
    if not has_width(console):
        console.width = _WIDE
    return console


def has_width(console: Console) -> bool:
    """Returns whether the console ends at a column: that of a terminal, or the one that COLUMNS says."""
    return console.is_terminal or "COLUMNS" in os.environ


def fitted_table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    width: int,
    right: Collection[str] = (),
    flexible: Mapping[str, int],
    wrapped: Collection[str] = (),
    encoding: str = "utf-8",
) -> Table:
    """Makes a table without lines.

    Args:
        headings: of its columns.
        rows: of cells, which may hold markup.
        width: columns of the terminal.
        right: headings of the columns that are aligned right.
        flexible: headings of the columns that may be cut, each with the fewest characters that it gets. The first
            is served first.
        wrapped: headings of the columns that go on in the next line instead.
        encoding: of the terminal; what it cannot show is an escape, which takes more room.
    """
    rows = [[showable(cell, encoding) for cell in row] for row in rows]
    overflow: Overflow = "ellipsis" if encoding.startswith("utf") else "crop"
    natural = {h: max(map(_length, column)) for h, *column in zip(headings, headings, *rows, strict=True)}
    widths = natural | _shared(natural, width=width, flexible=flexible)
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for heading in headings:
        justify: Justify = "right" if heading in right else "left"
        no_wrap = heading not in wrapped
        table.add_column(heading, justify=justify, width=widths[heading], no_wrap=no_wrap, overflow=overflow)
    for row in rows:
        table.add_row(*row)
    return table


def _shared(natural: Mapping[str, int], *, width: int, flexible: Mapping[str, int]) -> dict[str, int]:
    fixed = sum(length for heading, length in natural.items() if heading not in flexible)
    room = width - fixed - _GAP * (len(natural) - 1)
    widths, reserved = {}, sum(flexible.values())
    for heading, least in flexible.items():
        reserved -= least
        widths[heading] = min(natural[heading], max(least, room - reserved))
        room -= widths[heading]
    return widths


def _length(cell: str) -> int:
    return Text.from_markup(cell).cell_len
