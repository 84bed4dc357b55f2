"""A merge that conflicts is given to somebody, and what they hand back is looked at before it is used."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from miyabi.errors import MachineUnreachable
from miyabi.integration import Conflict, LeftOutKind
from tests.support.git.repositories import git, project, quiet_home  # noqa: F401
from tests.support.values.finished_runs import PlayedRun, commit_on, played  # noqa: F401

Work = Callable[[Conflict], Awaitable[str]]


async def collide(played: PlayedRun) -> None:
    """Two tasks that change the same line, one of them another file too."""
    await played.task("first", {"src/a.txt": "one\n2\n3\n"})
    await played.task("second", {"src/a.txt": "two\n2\n3\n", "b.txt": "x"})


def resolver(played: PlayedRun, text: str, *, parent: str | None = None) -> tuple[list[Conflict], Work]:
    """Somebody who writes this text into src/a.txt, and the conflicts that they were given."""
    given: list[Conflict] = []

    async def resolve(conflict: Conflict) -> str:
        given.append(conflict)
        start = parent or conflict.start
        return commit_on(played.root, "hands", {"src/a.txt": text}, parent=start, message="resolved")

    return given, resolve


async def test_a_resolution_is_merged(played: PlayedRun) -> None:
    """The merge has the resolved files, both sides as its parents, and none of the markers in its history."""
    await collide(played)
    given, resolve = resolver(played, "one and two\n2\n3\n")
    came = await played.integrate(resolve=resolve)
    assert (came.tasks, came.left_out) == (("first", "second"), ())
    assert [merged.resolved for merged in came.merged] == [False, True]
    assert played.show(f"{came.head}:src/a.txt") == "one and two\n2\n3"
    assert played.show(f"{came.head}:b.txt") == "x"
    first, second = came.merged
    assert played.log("-1", "--format=%P", came.head) == [f"{first.commit} {second.head}"]
    assert given[0].start not in played.log("--format=%H", came.head)
    made_on = played.log("-1", "--format=%(trailers:key=Miyabi-Resolution,valueonly)", came.head)
    assert made_on == [git(played.root, "rev-parse", "hands")]
    assert await played.integrate(resolve=resolve) == came


async def test_what_somebody_starts_from(played: PlayedRun) -> None:
    """They get a commit on top of both sides whose files in conflict hold the markers, and what git says of it."""
    await collide(played)
    given, resolve = resolver(played, "x\n")
    came = await played.integrate(resolve=resolve)
    first, second = came.merged
    (conflict,) = given
    assert (conflict.task, conflict.title, conflict.files) == ("second", "Title of second", ("src/a.txt",))
    assert (conflict.ours, conflict.theirs) == (first.commit, second.head)
    assert played.log("-1", "--format=%P", conflict.start) == [f"{conflict.ours} {conflict.theirs}"]
    marked = f"<<<<<<< {conflict.ours}\none\n=======\ntwo\n>>>>>>> {conflict.theirs}\n2\n3"
    assert played.show(f"{conflict.start}:src/a.txt") == marked
    assert conflict.messages == ("CONFLICT (content): Merge conflict in src/a.txt",)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<<<<<<< mine\none\n=======\ntwo\n>>>>>>> theirs\n", "still has conflict markers in src/a.txt"),
        ("one\n>>>>>>> \n", "still has conflict markers in src/a.txt"),
    ],
)
async def test_markers_that_are_left_are_no_resolution(played: PlayedRun, text: str, why: str) -> None:
    """A file in conflict that still looks like one is not merged, and the reason says which."""
    await collide(played)
    came = await played.integrate(resolve=resolver(played, text)[1])
    assert came.tasks == ("first",)
    assert came.left_out[0].kind is LeftOutKind.CONFLICT
    assert came.left_out[0].reason.startswith("it does not merge with first: both changed src/a.txt; the resolution ")
    assert came.left_out[0].reason.endswith(why)


async def test_lines_like_markers_that_a_side_had_before_may_stay(played: PlayedRun) -> None:
    """A file that is about conflict markers can be resolved."""
    await played.task("first", {"src/a.txt": "one\n<<<<<<< so it looks\n"})
    await played.task("second", {"src/a.txt": "two\n"})
    came = await played.integrate(resolve=resolver(played, "one, two\n<<<<<<< so it looks\n")[1])
    assert came.tasks == ("first", "second")


async def test_a_resolution_beside_the_sides_is_refused(played: PlayedRun) -> None:
    """Who starts from somewhere else has not merged anything."""
    await collide(played)
    came = await played.integrate(resolve=resolver(played, "x\n", parent=played.base)[1])
    assert came.left_out[0].reason.endswith("is not on top of both sides")


async def test_nothing_done_is_refused(played: PlayedRun) -> None:
    """The commit with the markers itself is no resolution; why there is none is told in the reason."""
    await collide(played)

    async def the_same(conflict: Conflict) -> str:
        return conflict.start

    async def unreachable(_: Conflict) -> str:
        raise MachineUnreachable("macmini-1: connection refused")

    for resolve, why in (
        (the_same, "nothing was committed to resolve it"),
        (unreachable, "macmini-1: connection refused"),
    ):
        came = await played.integrate(resolve=resolve)
        assert came.left_out[0].reason == f"it does not merge with first: both changed src/a.txt; {why}"
        assert came.tasks == ("first",)


async def test_a_file_that_one_side_deleted(played: PlayedRun) -> None:
    """A conflict without markers is told in git's words, and an empty commit accepts the files as they stand."""
    await played.task("first", {"src/a.txt": None})
    await played.task("second", {"src/a.txt": "two\n2\n3\n"})
    given: list[Conflict] = []

    async def accept(conflict: Conflict) -> str:
        given.append(conflict)
        return commit_on(played.root, "hands", {}, parent=conflict.start, message="keep it")

    came = await played.integrate(resolve=accept)
    assert "modify/delete" in given[0].messages[0]
    assert came.tasks == ("first", "second")
    assert played.show(f"{came.head}:src/a.txt") == "two\n2\n3"
    assert git(played.root, "fsck", "--no-dangling", "--no-progress") == ""
