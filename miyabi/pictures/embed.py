"""An SVG as an image of Markdown, and the measures that pictures share."""

from __future__ import annotations

import base64
import re
import unicodedata

WIDTH = 420
"""Of every picture, in pixels: a phone shows it at four fifths of that, where 13 pixels of type are still read."""

_CHARACTER = 0.56  # of the type's size: the mean of a sans-serif
_WIDE = 1.05
_BETWEEN_TAGS = re.compile(r">\s+<")


def as_image(svg: str, *, title: str) -> str:
    """Makes the Markdown of an image that holds the picture itself; `title` is ours, and has no markup.

    An address with `data:` draws in both UIs of Prefect (3.8.8 and 3.9.1); GitHub shows no such image.
    """
    small = _BETWEEN_TAGS.sub("><", svg.strip())
    return f"![{title}](data:image/svg+xml;base64,{base64.b64encode(small.encode()).decode()})"


def fitting(text: str, *, width: float, size: float) -> str:
    """Cuts a text to what fits into so many pixels of type of that size; a mark of omission says that there is more."""
    room = width
    for kept, character in enumerate(text):
        room -= _breadth(character) * size
        if room < 0:
            return f"{text[: max(0, kept - 1)].rstrip()}…"
    return text


def breadth(text: str, *, size: float) -> float:
    """Estimates how many pixels a text takes in type of that size."""
    return size * sum(map(_breadth, text))


def _breadth(character: str) -> float:
    return _WIDE if unicodedata.east_asian_width(character) in {"W", "F"} else _CHARACTER
