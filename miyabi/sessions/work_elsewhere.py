"""Work of a session that its branch does not hold, in words: on its strays, or still on its machine. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from miyabi.sessions.result import Strays
from miyabi.text import count, one_line, several

_NAMED = 2
_NAME_CHARACTERS = 80


def size_of(strays: Strays) -> str:
    """Says how large they are: `2 commits (3 files, +10 -1)`."""
    lines = f"+{strays.insertions:,} -{strays.deletions:,}"
    return f"{count(strays.commits, 'commit')} ({count(strays.files, 'file')}, {lines})"


def strays_words(strays: Strays) -> str:
    """Says how large they are and where: `2 commits (3 files, +10 -1) on miyabi/r1/t1+strays`."""
    return f"{size_of(strays)} on {strays.branch}"


def left_there_words(files: Sequence[str], *, machine: str) -> str:
    """Says, without a full stop, which uncommitted files and folders of such could not be brought here."""
    names = [one_line(name, characters=_NAME_CHARACTERS) for name in files]
    listed = several(names, most=_NAMED) if len(names) > _NAMED else " and ".join(names)
    were, are = ("was", "is") if len(files) == 1 else ("were", "are")
    return f"{listed} {were} too large or too many to bring and {are} still on {machine}"
