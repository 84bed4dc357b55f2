"""What came of a task on its machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from miyabi.git import printable_path, unquoted
from miyabi.machines import Completed


class Inside(NamedTuple):
    """A submodule in a task's checkout: the key of its repository, the commit that it began with, its path."""

    key: str
    base: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What was collected of a task.

    Args:
        head: the commit that its branch is at.
        salvaged: whether some of it had to be committed for the session.
        strays: the branch of what its own branch does not hold, where there is such.
        unmerged: paths with a conflict that the index still told of when the session ended.
        left_there: files that were not committed for their size or number, and stay on the machine.
        leaked: files that were copied into the checkout and that its branch holds, for which it stays on the machine.
        is_gone: whether the checkout had been removed: what was in it cannot be told.
        inside: its submodules, each of which is to be collected in a workspace of its own.
        lost_objects: Git LFS objects that its commits name, and that are neither there nor here.
    """

    head: str
    salvaged: bool
    strays: str | None = None
    unmerged: tuple[str, ...] = ()
    left_there: tuple[str, ...] = ()
    leaked: tuple[str, ...] = ()
    is_gone: bool = False
    lost_objects: tuple[str, ...] = ()
    inside: tuple[Inside, ...] = ()


def notes_of(answer: Completed) -> dict[str, Any]:
    """Returns the fields of `Collected` that the machine says besides the commits."""
    lines = answer.stderr.decode("utf-8", "replace").split("\n")
    rows = [line.removeprefix("miyabi-").partition(" ") for line in lines if line.startswith("miyabi-")]
    kinds = ("unmerged", "left", "leaked", "gone", "inside")
    notes = {kind: tuple(printable_path(unquoted(text)) for word, _, text in rows if word == kind) for kind in kinds}
    return {
        "unmerged": notes["unmerged"],
        "left_there": notes["left"],
        "leaked": notes["leaked"],
        "is_gone": bool(notes["gone"]),
        "inside": tuple(Inside(*row.split(" ", 2)) for row in notes["inside"]),
    }
