"""A merge is by the attributes of what is merged, whatever is checked out, and by none of the user's habits."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from miyabi.errors import MergeConflict
from miyabi.git import Git, Repository, merge
from tests.support.git import repositories
from tests.support.git.repositories import GITS, commit, git, make_repository, snapshot

any_git = repositories.any_git
quiet_home = repositories.quiet_home

ATTRIBUTES = "[attr]both merge=union\nCHANGELOG.md both\nlock.json merge=mine\n"
LOG = "CHANGELOG.md", "docs/LOG.txt"


@pytest.fixture
def appended(tmp_path: Path, quiet_home: Path) -> Path:
    """Two branches that append to the same files; attributes in two folders say that both lines stay."""
    folder = make_repository(
        tmp_path / "project",
        files={".gitattributes": ATTRIBUTES, "docs/.gitattributes": "*.txt merge=union\n"}
        | dict.fromkeys(LOG, "# log\n")
        | {"lock.json": "0\n"},
    )
    git(folder, "config", "merge.mine.driver", "true")
    for name in "ab":
        git(folder, "checkout", "-q", "-b", name, "main")
        commit(folder, dict.fromkeys(LOG, f"# log\n- {name}\n") | {"lock.json": name}, message=name)
    git(folder, "checkout", "-q", "main")
    return folder


async def merged(folder: Path) -> str:
    """The commit that our merge of both makes."""
    return await (await Repository.open(folder)).merge(["a", "b"], base="main", message="m")


def _nothing(folder: Path) -> Path:
    return folder


def _other_branch(folder: Path) -> Path:
    git(folder, "checkout", "-q", "--orphan", "site")
    git(folder, "rm", "-rfq", ".")
    commit(folder, {"index.html": "x"})
    return folder


def _opposite(folder: Path) -> Path:
    (folder / ".gitattributes").write_text("* -merge\n")
    (folder / "docs" / ".gitattributes").write_text("* merge=binary\n")
    return folder


def _staged(folder: Path) -> Path:
    git(_opposite(folder), "add", "-A")
    return folder


def _removed(folder: Path) -> Path:
    for file in folder.rglob(".gitattributes"):
        file.unlink()
    return folder


def _bare(folder: Path) -> Path:
    git(folder.parent, "clone", "-q", "--bare", folder.name, "bare.git")
    git(folder.parent / "bare.git", "config", "merge.mine.driver", "true")
    return folder.parent / "bare.git"


def _linked(folder: Path) -> Path:
    git(folder, "worktree", "add", "-q", "--no-checkout", "--detach", "../linked")
    return folder.parent / "linked"


@pytest.mark.parametrize("surround", [_nothing, _other_branch, _opposite, _staged, _removed, _bare, _linked])
async def test_what_is_checked_out_changes_no_merge(
    any_git: str, appended: Path, surround: Callable[[Path], Path]
) -> None:
    """The attributes of the branches count, in folders too, and no others: always what `git merge` does on them."""
    git(appended, "checkout", "-q", "-b", "by-git", "a")
    git(appended, "merge", "-q", "--no-edit", "b")
    expected = git(appended, "rev-parse", "HEAD^{tree}")
    git(appended, "checkout", "-q", "main")
    folder = surround(appended)
    head = await merged(folder)
    assert git(folder, "show", f"{head}:CHANGELOG.md") == "# log\n- a\n- b"
    assert git(folder, "show", f"{head}:lock.json") == "a"
    assert git(folder, "rev-parse", f"{head}^{{tree}}") == expected


async def test_every_git_makes_the_same_commit(appended: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A computer with another git goes on with the same run."""
    heads = {await merged(_other_branch(appended))}
    monkeypatch.setenv("PATH", GITS["newer git"], prepend=":")
    heads.add(await merged(appended))
    assert len(heads) == 1


async def test_no_attributes_at_all(any_git: str, appended: Path) -> None:
    """Branches without attributes are merged without, also where the checkout has some."""
    for name in "cd":
        git(appended, "checkout", "-q", "-b", name, "main")
        git(appended, "rm", "-q", ".gitattributes", "docs/.gitattributes")
        commit(appended, {"CHANGELOG.md": f"# log\n- {name}\n"})
    git(appended, "checkout", "-q", "main")
    repository = await Repository.open(appended)
    base = git(appended, "commit-tree", "-m", "base", "-p", "main", "main^{tree}")
    with pytest.raises(MergeConflict) as conflict:
        await repository.merge(["c", "d"], base=base, message="m")
    assert conflict.value.files == ("CHANGELOG.md",)


async def test_the_users_own_attributes_still_count(any_git: str, appended: Path) -> None:
    """What `info/attributes` of the repository says counts as in `git merge`."""
    (appended / ".git" / "info" / "attributes").write_text("CHANGELOG.md -merge\n")
    with pytest.raises(MergeConflict) as conflict:
        await merged(appended)
    assert conflict.value.files == ("CHANGELOG.md",)


async def test_the_checkout_stays_alone(any_git: str, appended: Path) -> None:
    """Reading the attributes of a commit writes nothing into the user's repository."""
    before = snapshot(appended)
    await merged(appended)
    assert snapshot(appended) == before


async def test_a_tree_that_leads_outside_writes_nothing(
    any_git: str, appended: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit with folders `..`, which only plumbing makes, gets no file written outside of ours."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    blob = git(appended, "hash-object", "-w", "--stdin", stdin="* merge=union\n")
    tree = git(appended, "mktree", stdin=f"100644 blob {blob}\t.gitattributes\n")
    for _ in range(2):
        (tmp_path / "tree").write_bytes(b"40000 ..\0" + bytes.fromhex(tree))
        tree = git(appended, "hash-object", "-w", "-t", "tree", "--literally", str(tmp_path / "tree"))
    head = git(appended, "commit-tree", "-m", "odd", "-p", "main", tree)
    await merge.merge_trees(Git(appended), head, "a")
    assert not list((tmp_path / "temporary").iterdir())


HABITS = (
    "merge.conflictStyle=diff3",
    "merge.conflictStyle=zdiff3",
    "merge.renames=false",
    "diff.renames=false",
    "merge.renameLimit=1",
    "merge.directoryRenames=true",
    "merge.directoryRenames=false",
    "diff.algorithm=patience",
)


@pytest.mark.parametrize("habit", HABITS)
async def test_no_habit_of_the_user_changes_a_merge(any_git: str, tmp_path: Path, quiet_home: Path, habit: str) -> None:
    """Renamed files and folders, and the markers of a conflict, come out the same under every setting."""
    lines = {f"old/{n}.txt": f"{n}\n" * 30 for n in range(3)} | {"both.txt": "1\n2\n3\n"}
    folder = make_repository(tmp_path / "p", files=lines)
    git(folder, "checkout", "-q", "-b", "a")
    git(folder, "mv", "old", "new")
    commit(folder, {"both.txt": "1\na\n3\n"})
    git(folder, "checkout", "-q", "-b", "b", "main")
    commit(folder, {"old/4.txt": "4\n", "old/1.txt": "1\n" * 30 + "more\n", "both.txt": "1\nb\n3\n"})
    before = await merge.merge_trees(Git(folder), "a", "b")
    git(folder, "config", *habit.split("=", 1))
    assert await merge.merge_trees(Git(folder), "a", "b") == before
    assert "both.txt" in before.files


async def test_a_figure_of_changes_is_by_the_commits_attributes(any_git: str, appended: Path) -> None:
    """How many lines a task changed does not depend on what is checked out."""
    repository = await Repository.open(appended)
    before = await repository.changes("main", "a")
    (appended / ".gitattributes").write_text("* binary\n")
    assert await repository.changes("main", "a") == before
    assert before.insertions == 3
