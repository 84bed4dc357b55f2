"""A block of ours in a text of other people's: found again and replaced, and no word of theirs is ever lost. Pure.

Both markers carry a short hash of each of our lines. So our lines are known again when the other marker is gone, and
what somebody wrote between the markers is known as not ours: it is moved below the block.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_MARKER = re.compile(r"[ \t]*<!--[ \t]*miyabi:(begin|end)((?:[ \t]+[0-9a-f]{8})*)[ \t]*-->[ \t]*\r?\n?")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_ENDING = re.compile(r"\r?\n?$")


def wrap(content: str) -> str:
    """Makes the block: the content between markers. It must not have a marker in it."""
    lines = content.strip("\n").split("\n")
    hashes = "".join(f" {_hash(line)}" for line in lines if line.strip())
    return "\n".join([f"<!-- miyabi:begin{hashes} -->", *lines, f"<!-- miyabi:end{hashes} -->"])


def replace_block(description: str, block: str) -> str:
    """Puts the block in the place of the one that the description has, or at its end; once more changes nothing.

    Every word outside the markers stays byte for byte, and of what stands between them only our own lines go.
    Further blocks go too. Without an end marker the block ends with the last line that is surely ours, and without
    a begin marker it begins with the first one. Markers without hashes only say where the block is to stand.
    """
    newline = "\r\n" if "\r\n" in description else "\n"
    ours = block.replace("\r\n", "\n").replace("\n", newline)
    lines: list[str] = _LINE.findall(description)
    regions = list(_regions(lines))
    if not regions:
        return description + _gap(description, newline) + ours
    chosen = next((region for region in regions if region.hashes), regions[0])
    text, at = "", 0
    for region in regions:
        text += "".join(lines[at : region.start])
        if region is chosen:
            ending = _ending(lines[region.end - 1])
            text += ours + (ending or (newline if region.theirs else ""))
        text += "".join(region.theirs)
        at = region.end
    return text + "".join(lines[at:])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Region:
    """Lines from `start` to before `end` that are a block, and those among them that are not ours."""

    start: int
    end: int
    hashes: Counter[str]
    theirs: tuple[str, ...]


def _regions(lines: Sequence[str]) -> Iterator[_Region]:
    """The blocks of a text, whole or with one marker only, in order and apart from each other."""
    begin: tuple[int, Counter[str]] | None = None
    free = 0
    for at, marker in [(at, found) for at, line in enumerate(lines) if (found := _MARKER.fullmatch(line))]:
        hashes: Counter[str] = Counter(marker[2].split())
        if marker[1] == "begin":
            if begin:
                yield _without_end(lines, begin, stop=at)
            begin, free = (at, hashes), at
        elif begin:
            start, known = begin
            yield _Region(start=start, end=at + 1, hashes=known, theirs=_theirs(lines[start + 1 : at], known | hashes))
            begin, free = None, at + 1
        else:
            yield _without_begin(lines, (at, hashes), start=free)
            free = at + 1
    if begin:
        yield _without_end(lines, begin, stop=len(lines))


def _without_end(lines: Sequence[str], begin: tuple[int, Counter[str]], *, stop: int) -> _Region:
    start, hashes = begin
    end = start + 1 + max(_ours(lines[start + 1 : stop], hashes), default=-1) + 1
    return _Region(start=start, end=end, hashes=hashes, theirs=_theirs(lines[start + 1 : end], hashes))


def _without_begin(lines: Sequence[str], end: tuple[int, Counter[str]], *, start: int) -> _Region:
    at, hashes = end
    backwards = list(reversed(lines[start:at]))
    first = at - 1 - max(_ours(backwards, hashes), default=-1)
    return _Region(start=first, end=at + 1, hashes=hashes, theirs=_theirs(lines[first:at], hashes))


def _ours(lines: Sequence[str], hashes: Counter[str]) -> set[int]:
    """Which of the lines are surely ours: as many of each as we wrote."""
    left = hashes.copy()
    found: set[int] = set()
    for at, line in enumerate(lines):
        if line.strip() and left[digest := _hash(line)] > 0:
            left[digest] -= 1
            found.add(at)
    return found


def _theirs(lines: Sequence[str], hashes: Counter[str]) -> tuple[str, ...]:
    """The lines that are not ours; a blank line is theirs where it follows one of theirs."""
    ours = _ours(lines, hashes)
    kept: list[str] = []
    follows = False
    for at, line in enumerate(lines):
        follows = at not in ours and (follows or bool(line.strip()))
        if follows:
            kept.append(line)
    return tuple(kept)


def _hash(line: str) -> str:
    """Does not see how the line ends: editors in browsers write CRLF."""
    return hashlib.sha256(line.rstrip().encode("utf-8", "replace")).hexdigest()[:8]


def _ending(line: str) -> str:
    match = _ENDING.search(line)
    return match.group() if match else ""


def _gap(text: str, newline: str) -> str:
    """What must stand between the text and a block for a blank line between them."""
    if not text:
        return ""
    breaks = len(re.search(r"(?:\r?\n[ \t]*)*$", text)[0].split("\n")) - 1  # type: ignore[index]
    return newline * max(0, 2 - breaks)
