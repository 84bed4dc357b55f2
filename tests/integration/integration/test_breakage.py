"""A merge that breaks the verify commands is given to somebody before its task is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from miyabi.errors import MachineUnreachable
from miyabi.integration import Breakage, Conflict, LeftOutKind
from miyabi.settings import IntegrationSettings
from tests.support.git.repositories import git, project, quiet_home  # noqa: F401
from tests.support.values.finished_runs import PlayedRun, commit_on, played  # noqa: F401

VERIFY = IntegrationSettings(verify=("test ! -e bad.txt || { cat bad.txt; exit 3; }",))


class Hands:
    """Somebody who does these changes, one after the other, and keeps what they were given."""

    def __init__(self, played: PlayedRun, *work: Mapping[str, str | None]) -> None:
        self.given: list[Conflict | Breakage] = []
        self._played, self._work = played, list(work)

    async def resolve(self, what: Conflict | Breakage) -> str | None:
        """The head of their work; nobody is there when all of it is done."""
        self.given.append(what)
        if not self._work:
            return None
        return commit_on(self._played.root, "hands", self._work.pop(0), parent=what.start, message="mended")


async def breaks(played: PlayedRun) -> None:
    """Three tasks, of which the second breaks the whole."""
    await played.task("first", {"a.txt": "x"})
    await played.task("second", {"b.txt": "x", "bad.txt": "one\n"})
    await played.task("third", {"c.txt": "x"})


async def test_what_is_mended_is_merged(played: PlayedRun) -> None:
    """The mended merge has the task's head and what was before as parents; the merges after it come once more."""
    await breaks(played)
    hands = Hands(played, {"bad.txt": None})
    came = await played.integrate(resolve=hands.resolve, settings=VERIFY)
    assert ([merged.resolved for merged in came.merged], came.left_out) == ([False, True, False], ())
    assert came.verified
    first, second, _ = came.merged
    assert played.log("-1", "--format=%P", second.commit) == [f"{first.commit} {second.head}"]
    assert git(played.root, "ls-tree", "--name-only", came.head, "a.txt", "b.txt", "c.txt", "bad.txt").split() == [
        *("a.txt", "b.txt", "c.txt")
    ]
    (given,) = hands.given
    assert isinstance(given, Breakage)
    assert (given.task, given.ours, given.theirs) == ("second", first.commit, second.head)
    assert (given.exit_status, given.output) == (3, "one")
    again = Hands(played, {"bad.txt": None})
    assert await played.integrate(resolve=again.resolve, settings=VERIFY) == came
    assert again.given == hands.given, "the same is given again, so that what was made of it is found"


@pytest.mark.parametrize(
    ("work", "times", "note"),
    [
        ([{"bad.txt": "two\n"}, {"bad.txt": None}], 2, None),
        ([{"bad.txt": "two\n"}, {"bad.txt": "three\n"}], 3, "(exit status 3): three"),
        ([{"d.txt": "x"}, {"bad.txt": None}], 1, "one; what was to mend that changed nothing of it"),
        ([], 1, "(exit status 3): one"),
    ],
)
async def test_it_is_given_until_it_is_mended_or_fails_alike(
    played: PlayedRun, work: Sequence[Mapping[str, str | None]], times: int, note: str | None
) -> None:
    """Another failure is given again, the same one is not; where nobody is there its task is left out."""
    await breaks(played)
    hands = Hands(played, *work)
    came = await played.integrate(resolve=hands.resolve, settings=VERIFY)
    assert len(hands.given) == times
    assert came.verified
    assert [out.task for out in came.left_out] == ([] if note is None else ["second"])
    for out in came.left_out:
        assert out.kind is LeftOutKind.CHECK
        assert note
        assert out.reason.endswith(note)
        assert "bad.txt" not in git(played.root, "ls-tree", "--name-only", came.head)


async def test_who_cannot(played: PlayedRun) -> None:
    """The reason has why nobody could."""
    await breaks(played)

    async def resolve(_: Conflict | Breakage) -> str:
        raise MachineUnreachable("m1: switched off", machine="m1")

    (out,) = (await played.integrate(resolve=resolve, settings=VERIFY)).left_out
    assert out.reason.endswith("(exit status 3): one; m1: switched off")


async def test_conflicts_are_given_on_green_ground(played: PlayedRun) -> None:
    """A conflict is resolved once, and not again for each merge before it that is mended or left out."""
    await breaks(played)
    await played.task("fourth", {"src/a.txt": "one\n2\n3\n"})
    await played.task("last", {"src/a.txt": "two\n2\n3\n"})
    hands = Hands(played, {"bad.txt": "two\n"}, {"bad.txt": None}, {"src/a.txt": "both\n2\n3\n"})
    came = await played.integrate(resolve=hands.resolve, settings=VERIFY)
    assert [type(each) for each in hands.given] == [Breakage, Breakage, Conflict]
    assert (came.verified, came.left_out) == (True, ())
    assert played.show(f"{came.head}:src/a.txt") == "both\n2\n3"


async def test_what_is_mended_stays_so(played: PlayedRun) -> None:
    """A merge is not given again where a conflict that is resolved later comes before it: what mended it is put on."""
    await played.task("one", {"src/a.txt": "one\n2\n3\n"})
    await played.task("two", {"src/a.txt": "two\n2\n3\n"})
    await breaks(played)
    hands = Hands(played, {"bad.txt": "two\n"}, {"bad.txt": None}, {"src/a.txt": "both\n2\n3\n"})
    came = await played.integrate(resolve=hands.resolve, settings=VERIFY)
    assert [(type(each), each.task) for each in hands.given] == [
        *[(Breakage, "second")] * 2,
        (Conflict, "two"),
    ]
    assert (came.verified, came.left_out) == (True, ())
    assert {merged.task for merged in came.merged if merged.resolved} == {"two", "second"}
    assert played.show(f"{came.head}:src/a.txt") == "both\n2\n3"
    (second,) = (merged.commit for merged in came.merged if merged.task == "second")
    assert "Miyabi-Resolution: " in git(played.root, "show", "-s", second)
