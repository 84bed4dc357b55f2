"""Work of a session that its branch does not hold, in words: on its strays, or still on its machine. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from miyabi.session import Strays
from miyabi.text import one_line
from miyabi.wording import count

_NAMED = 2
_NAME_CHARACTERS = 80


def size_of(strays: Strays) -> str:
    """How large they are: `2 commits (3 files, +10 -1)`."""
    lines = f"+{strays.insertions:,} -{strays.deletions:,}"
    return f"{count(strays.commits, 'commit')} ({count(strays.files, 'file')}, {lines})"


def strays_words(strays: Strays) -> str:
    """How large they are and where: `2 commits (3 files, +10 -1) on miyabi/r1/t1+strays`."""
    return f"{size_of(strays)} on {strays.branch}"


def left_there_words(files: Sequence[str], *, machine: str) -> str:
    """The sentence, without its full stop, that uncommitted files could not be brought here."""
    named = [one_line(name, characters=_NAME_CHARACTERS) for name in files[:_NAMED]]
    more = [f"{len(files) - _NAMED:,} more"] if len(files) > _NAMED else []
    listed = ", ".join(named) + (f" and {more[0]}" if more else "")
    verb = "was" if len(files) == 1 else "were"
    still = "is" if len(files) == 1 else "are"
    return (
        f"{count(len(files), 'file')} ({listed}) {verb} too large or too many to bring and {still} still on {machine}"
    )
