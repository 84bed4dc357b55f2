"""A checkout comes to start from what an earlier run left of its task."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from miyabi.git import Repository
from miyabi.runs.hand_over import take_up
from miyabi.sessions import EarlierWork, Outcome, TakenUp
from tests.support.git import repositories
from tests.support.git.repositories import commit, git

project = repositories.project
quiet_home = repositories.quiet_home

BRANCH = "miyabi/night-1/issue-7"


@dataclass(frozen=True)
class Nights:
    """The user's clone, whose branch of night-1 holds `mine.txt`, which it made of `start`."""

    folder: Path
    start: str
    head: str

    def moved(self, files: dict[str, str], *, start: str = "main") -> str:
        """A new base with these files; its id."""
        return made(self.folder, files, branch="next", start=start)

    async def take_up(self, base: str, **fields: Any) -> TakenUp:
        """What a task that starts from `base` has of that branch."""
        given = {"run": "night-1", "outcome": Outcome.CHECK_FAILED, "branch": BRANCH, "head": self.head}
        work = EarlierWork.model_validate(given | {"base": self.start} | fields)
        return await take_up(work, task="issue-7", base=base, repository=await Repository.open(self.folder))

    def files(self, commit: str) -> set[str]:
        """The files of a commit."""
        return set(git(self.folder, "ls-tree", "-r", "--name-only", commit).split())


def made(folder: Path, files: dict[str, str], *, branch: str, start: str) -> str:
    """A commit with these files, on a branch that starts there; its id."""
    git(folder, "checkout", "-q", "-B", branch, start)
    head = commit(folder, files)
    git(folder, "checkout", "-q", "main")
    return head


@pytest.fixture
def nights(project: Path) -> Nights:
    """The work of night-1 on the base."""
    start = git(project, "rev-parse", "main")
    return Nights(project, start, made(project, {"mine.txt": "mine\n"}, branch=BRANCH, start="main"))


async def test_on_the_same_base(nights: Nights) -> None:
    """The checkout starts at the branch's own head."""
    found = await nights.take_up(nights.start)
    assert (found.commit, found.is_beside, found.warning) == (nights.head, False, "")


async def test_on_a_base_that_moved(nights: Nights) -> None:
    """It starts from a merge of both, the same one each time."""
    base = nights.moved({"other.txt": "other\n"})
    found = await nights.take_up(base)
    assert git(nights.folder, "log", "-1", "--format=%P", found.commit).split() == [base, nights.head]
    assert {"mine.txt", "other.txt"} <= nights.files(found.commit)
    assert await nights.take_up(base) == found


async def test_work_that_is_in_the_base(nights: Nights) -> None:
    """It starts from the base."""
    base = nights.moved({"other.txt": "other\n"}, start=nights.head)
    assert (await nights.take_up(base)).commit == base


@pytest.mark.parametrize("reason", ["", "they were refused"])
async def test_work_that_it_does_not_start_from(nights: Nights, reason: str) -> None:
    """What conflicts, or is not wanted, is beside the checkout, and said to be."""
    found = await nights.take_up(nights.moved({"mine.txt": "theirs\n"}), not_from=reason)
    why = reason or "they do not merge with what it starts from now: both changed mine.txt"
    assert (found.commit, found.is_beside, found.why) == ("", True, why)
    assert found.warning == f"it starts without the commits of branch {BRANCH}: {why}"


@pytest.mark.parametrize("head", ["", "f" * 40])
async def test_a_branch_that_is_gone(nights: Nights, head: str) -> None:
    """It starts without it, which is said."""
    found = await nights.take_up(nights.start, head=head)
    assert (found.commit, found.is_beside) == ("", False)
    assert found.warning.endswith("its branch is not here, and could not be fetched")


async def test_a_branch_that_is_damaged(nights: Nights) -> None:
    """The issue is begun anew: it would be stuck else, night after night."""
    base = nights.moved({"other.txt": "other\n"})
    tree = git(nights.folder, "rev-parse", f"{nights.head}^{{tree}}")
    (nights.folder / ".git/objects" / tree[:2] / tree[2:]).unlink()
    found = await nights.take_up(base)
    assert (found.commit, found.is_beside, "they cannot be merged: git merge-tree" in found.why) == ("", False, True)


async def test_a_try_without_commits(nights: Nights) -> None:
    """There is nothing to start from, and nothing to warn of."""
    found = await nights.take_up(nights.start, branch="", head="")
    assert (found.commit, found.is_beside, found.warning) == ("", False, "")


@pytest.mark.parametrize("is_squashed", [False, True], ids=["refused", "squashed"])
async def test_work_that_was_built_on_others(project: Path, *, is_squashed: bool) -> None:
    """Its own part alone goes on: what it was built on may have been refused, or merged as one commit."""
    main = git(project, "rev-parse", "main")
    upstream = made(project, {"up.txt": "one\ntwo\n"}, branch="miyabi/night-1/issue-6", start="main")
    own = {"mine.txt": "mine\n"} | ({"up.txt": "one\nTWO\n"} if is_squashed else {})
    nights = Nights(project, upstream, made(project, own, branch=BRANCH, start=upstream))
    base = nights.moved({"up.txt": "one\ntwo\n", "other.txt": "other\n"}) if is_squashed else main
    found = await nights.take_up(base)
    assert git(project, "log", "-1", "--format=%P", found.commit) == base
    assert git(project, "show", f"{found.commit}:mine.txt") == "mine"
    assert ("up.txt" in nights.files(found.commit)) == is_squashed
    if is_squashed:
        assert git(project, "show", f"{found.commit}:up.txt") == "one\nTWO"
    assert await nights.take_up(base) == found


async def test_a_branch_that_a_person_took_off_others(project: Path) -> None:
    """What it was built on is no longer in it, and is not taken out of a base that has it."""
    upstream = made(project, {"up.txt": "one\n"}, branch="miyabi/night-1/issue-6", start="main")
    nights = Nights(project, upstream, made(project, {"mine.txt": "mine\n"}, branch=BRANCH, start="main"))
    base = nights.moved({"up.txt": "one\n", "other.txt": "other\n"})
    found = await nights.take_up(base)
    assert {"mine.txt", "up.txt"} <= nights.files(found.commit)


async def test_merges_of_ours_are_no_work_of_others(project: Path) -> None:
    """A task that began at a merge of its upstreams, both of which are in the base now, is merged as it is."""
    ups = [made(project, {f"{name}.txt": name}, branch=f"miyabi/night-1/{name}", start="main") for name in "ab"]
    repository = await Repository.open(project)
    main = git(project, "rev-parse", "main")
    start = await repository.merge(ups, base=main, message="Merge the upstreams of issue-7")
    base = await repository.merge(ups, base=main, message="Merge a and b at GitHub")
    nights = Nights(project, start, made(project, {"mine.txt": "mine\n"}, branch=BRANCH, start=start))
    found = await nights.take_up(base)
    assert git(project, "log", "-1", "--format=%P", found.commit).split() == [base, nights.head]
