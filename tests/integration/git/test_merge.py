"""Heads become one commit, without a worktree."""

from __future__ import annotations

from pathlib import Path

import pytest

from miyabi.errors import GitFailed, MergeConflict
from miyabi.git import Repository
from tests.support.git import repositories
from tests.support.git.repositories import commit, git, make_repository, snapshot

project = repositories.project
quiet_home = repositories.quiet_home


def _branch(folder: Path, name: str, files: dict[str, str], *, start: str = "main") -> str:
    git(folder, "checkout", "-q", "-B", name, start)
    head = commit(folder, files, message=name)
    git(folder, "checkout", "-q", "main")
    return head


def _parents(folder: Path, head: str) -> list[str]:
    return git(folder, "log", "-1", "--format=%P", head).split()


async def test_no_heads_are_the_base(project: Path) -> None:
    """A task without upstreams starts from the base."""
    base = git(project, "rev-parse", "main")
    assert await (await Repository.open(project)).merge([], base=base, message="m") == base


async def test_one_head_is_itself(project: Path) -> None:
    """Nothing is merged where one head holds the base already."""
    base, head = git(project, "rev-parse", "main"), _branch(project, "a", {"a": "a"})
    assert await (await Repository.open(project)).merge([head], base=base, message="m") == head


async def test_contained_heads_are_dropped(project: Path) -> None:
    """A head that another one holds, or that comes twice, adds nothing."""
    base = git(project, "rev-parse", "main")
    a = _branch(project, "a", {"a": "a"})
    b = _branch(project, "b", {"b": "b"}, start=a)
    assert await (await Repository.open(project)).merge([a, b, b, base], base=base, message="m") == b


async def test_heads_merge_two_at_a_time_in_their_order(project: Path) -> None:
    """Three heads make two merges of two parents each, in the order given, that name what they merge."""
    base = git(project, "rev-parse", "main")
    a, b, c = (_branch(project, name, {f"{name}.txt": name}) for name in "abc")
    head = await (await Repository.open(project)).merge([a, b, c], base=base, message="Merge the upstreams of t9")
    first, last = _parents(project, head)
    assert (last, _parents(project, first)) == (c, [a, b])
    text = git(project, "log", "-1", "--format=%an%n%B", head)
    assert text.startswith("Water Spider\nMerge the upstreams of t9\n")
    assert all(sha in text for sha in (a, b, c))
    assert {"a.txt", "b.txt", "c.txt"} <= set(git(project, "ls-tree", "--name-only", head).split())


async def test_the_same_heads_make_the_same_commit(project: Path) -> None:
    """Made again, a merge is the same commit, so that a run can go on after a restart."""
    base = git(project, "rev-parse", "main")
    heads = [_branch(project, name, {name: name}) for name in "ab"]
    made = [await (await Repository.open(project)).merge(heads, base=base, message="m") for _ in range(2)]
    assert made[0] == made[1]


async def test_a_head_that_left_the_base_is_merged_with_it(project: Path) -> None:
    """Where an agent began a history of its own, the base is still in what comes of it."""
    base = git(project, "rev-parse", "main")
    git(project, "checkout", "-q", "--orphan", "alone")
    git(project, "rm", "-rfq", ".")
    head = commit(project, {"alone.txt": "x"})
    git(project, "checkout", "-q", "main")
    merged = await (await Repository.open(project)).merge([head], base=base, message="m")
    assert _parents(project, merged) == [base, head]
    assert {"README.md", "alone.txt"} <= set(git(project, "ls-tree", "--name-only", merged).split())


async def test_a_conflict_names_branches_and_files(project: Path) -> None:
    """Heads that do not merge are an error with the files, sorted, the branches, and what to do; nothing is left."""
    base = git(project, "rev-parse", "main")
    one = _branch(project, "miyabi/r/one", {"src/a.txt": "one\n", "はじめに.md": "1\n", "fine": "x"})
    two = _branch(project, "miyabi/r/two", {"src/a.txt": "two\n", "はじめに.md": "2\n"})
    before = snapshot(project)
    with pytest.raises(MergeConflict, match=r"miyabi/r/two does not merge with miyabi/r/one.*depend on") as caught:
        await (await Repository.open(project)).merge([one, two], base=base, message="m")
    assert caught.value.files == ("src/a.txt", "はじめに.md")
    assert snapshot(project) == before


async def test_merging_leaves_the_checkout_alone(project: Path) -> None:
    """A merge touches neither checkout, index nor HEAD, nor makes a ref."""
    base = git(project, "rev-parse", "main")
    heads = [_branch(project, name, {"src/a.txt": f"{first}\n2\n{last}\n"}) for name, first, last in ("a13", "b19")]
    before, refs = snapshot(project), git(project, "for-each-ref")
    merged = await (await Repository.open(project)).merge(heads, base=base, message="m")
    assert git(project, "show", f"{merged}:src/a.txt") == "1\n2\n9"
    assert (snapshot(project), git(project, "for-each-ref")) == (before, refs)


async def test_a_head_that_is_not_here_is_an_error(project: Path) -> None:
    """An unknown head is told with git's own words."""
    with pytest.raises(GitFailed, match=r"f{40}"):
        await (await Repository.open(project)).merge(["f" * 40], base="main", message="m")


async def test_sha256_repositories_merge(tmp_path: Path, quiet_home: Path) -> None:
    """The longer ids work as well."""
    folder = make_repository(tmp_path / "p", options=("--object-format=sha256",))
    heads = [_branch(folder, name, {name: name}) for name in "ab"]
    merged = await (await Repository.open(folder)).merge(heads, base="main", message="m")
    assert len(merged) == 64


async def test_a_head_that_is_gone(project: Path) -> None:
    """What a task committed and nobody holds any more is missed in plain words."""
    repository = await Repository.open(project)
    with pytest.raises(GitFailed, match=r"has no commit a{40} any more\. Was the branch that held it deleted\?"):
        await repository.merge(["a" * 40], base="main", message="m")


@pytest.mark.parametrize("of", ["main", "theirs"])
async def test_a_tree_that_is_missing(project: Path, of: str) -> None:
    """It is a failure: git 2.39 takes it for an empty one, and the merge would delete files without a word."""
    ours, theirs = _branch(project, "ours", {"a": "a"}), _branch(project, "theirs", {"b": "b"})
    tree = git(project, "rev-parse", f"{of}^{{tree}}")
    (project / ".git/objects" / tree[:2] / tree[2:]).unlink()
    with pytest.raises(GitFailed, match=tree):
        await (await Repository.open(project)).merge([theirs], base=ours, message="m")
