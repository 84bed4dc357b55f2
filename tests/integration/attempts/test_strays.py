"""How large the work is that a session did beside its branch."""

from __future__ import annotations

import pytest

from miyabi.attempts import strays
from miyabi.sessions import SessionPaths, Strays
from tests.support.git import repositories
from tests.support.git.repositories import Bench, commit, git

bench = repositories.bench
project = repositories.project
quiet_home = repositories.quiet_home

NAME = "miyabi/r1/t1+strays"


async def measured(bench: Bench, script: str, *, paths: SessionPaths | None = None) -> Strays | None:
    """The size of the strays of a session of that script."""
    paths = paths or await bench.prepare()
    bench.play(paths, script)
    collected = await bench.collect(paths)
    if collected.strays is None:
        return None
    beyond = (await bench.repository.resolve("main"), collected.head)
    return await strays.measure(bench.repository.git, collected.strays, beyond=beyond)


def size(commits: int, files: int, insertions: int, deletions: int = 0) -> Strays:
    """Strays of that size."""
    return Strays(branch=NAME, commits=commits, files=files, insertions=insertions, deletions=deletions)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("git checkout -qb feat; save one; git checkout -q -", size(1, 1, 1)),
        ("git checkout -qb feat; save one; save two; save three; git checkout -q -; save four", size(3, 3, 3)),
        ("save one; git commit -q --amend -m better; git commit -q --amend -m best", size(2, 1, 1)),
        ("save one; save two; git reset -q --hard HEAD~2", size(2, 2, 2)),
        ("git checkout -qb f; printf '9\\n' >src/a.txt; git commit -qam 9; git checkout -q -", size(1, 1, 1, 3)),
        ("git checkout -qb f; git rm -q src/a.txt; git commit -qm gone; git checkout -q -", size(1, 1, 0, 3)),
        ("git checkout -qb f; git mv src/a.txt b.txt; git commit -qm moved; git checkout -q -", size(1, 2, 3, 3)),
        ("git checkout -qb f; printf '\\0' >b; git add b; git commit -qm binary; git checkout -q -", size(1, 1, 0)),
        ("git checkout -qb f; git commit -q --allow-empty -m nothing; git checkout -q -", size(1, 0, 0)),
        ("git checkout -q --orphan f; git rm -rqf .; save one; save two; git checkout -q miyabi/r1/t1", size(2, 2, 2)),
    ],
    ids=["branch", "commits", "amended", "reset", "changed", "deleted", "renamed", "binary", "empty", "orphan"],
)
async def test_the_size_of_one_line_of_work(bench: Bench, script: str, expected: Strays) -> None:
    """Commits, files and lines as against where the line began, whatever the branch did meanwhile."""
    assert await measured(bench, script) == expected


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (
            (
                "git checkout -qb f; save one; git checkout -qb g; save two; git checkout -qb h f; save three; "
                "git checkout -q miyabi/r1/t1"
            ),
            size(3, 3, 3),
        ),
        (
            (
                "git checkout -qb f; printf '1\\n2\\n' >x; git add x; git commit -qm f; git checkout -qb g @{-1}; "
                "printf '1\\n2\\n3\\n' >x; git add x; git commit -qm g; git checkout -q miyabi/r1/t1"
            ),
            size(2, 1, 3),
        ),
        (
            (
                "git checkout -qb f; save one; git checkout -qb g @{-1}; save two; git merge -q --no-edit f; "
                "git checkout -q miyabi/r1/t1"
            ),
            size(3, 2, 2),
        ),
        ("echo new >new; echo x >>src/a.txt; git stash -qu", size(1, 2, 2)),
        ("save a; git commit -q --amend -m b; echo x >>src/a.txt; git stash -q", size(2, 2, 2)),
    ],
    ids=["three_branches", "one_file_twice", "merged_beside", "stash_untracked", "amended_and_stash"],
)
async def test_the_size_of_several(bench: Bench, script: str, expected: Strays) -> None:
    """A file counts once, and the commit that ties them together does not count."""
    assert await measured(bench, script) == expected


async def test_the_users_own_commits_are_no_strays(bench: Bench) -> None:
    """A session that goes on where one of the user's branches is counts with what it did there itself."""
    git(bench.root, "checkout", "-q", "-b", "other")
    commit(bench.root, {"theirs.txt": "1\n2\n"})
    git(bench.root, "checkout", "-q", "main")
    script = "git checkout -q -b mine origin/other; save one; git checkout -q miyabi/r1/t1"
    paths = await bench.prepare()
    git(bench.checkout(paths), "fetch", "-q", str(bench.root), "+other:refs/remotes/origin/other")
    assert await measured(bench, script, paths=paths) == size(1, 1, 1)


async def test_strays_of_two_attempts(bench: Bench) -> None:
    """What the first attempt left counts with what the second one did."""
    assert await measured(bench, "git checkout -qb f; save one; git checkout -q -") == size(1, 1, 1)
    again = await bench.prepare(attempt=2)
    script = "git checkout -qb g; save two; git checkout -qb h @{-1}; save three; git checkout -q miyabi/r1/t1"
    assert await measured(bench, script, paths=again) == size(3, 3, 3)


async def test_strays_that_the_branch_holds_by_now_are_none(bench: Bench) -> None:
    """A second attempt that merges what the first one left beside has nothing beside its branch."""
    assert await measured(bench, "git checkout -qb f; save one; git checkout -q -") == size(1, 1, 1)
    again = await bench.prepare(attempt=2)
    assert await measured(bench, "git merge -q f", paths=again) is None
