"""The user's repository: found, asked, and left alone."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from miyabi.errors import BadInput, BaseMissing, GitUnusable, NotARepository
from miyabi.git import Repository
from tests.support.git import repositories
from tests.support.git.repositories import commit, git, make_repository, snapshot

project = repositories.project
quiet_home = repositories.quiet_home


async def test_a_folder_below_the_checkout_will_do(project: Path) -> None:
    """Started anywhere in a checkout, we mean the whole of it."""
    assert (await Repository.open(project / "src")).root == project


async def test_a_bare_repository_is_its_own_root(project: Path, tmp_path: Path) -> None:
    """A bare repository can be worked on too."""
    git(tmp_path, "clone", "-q", "--bare", str(project), "bare.git")
    repository = await Repository.open(tmp_path / "bare.git")
    assert repository.root == tmp_path / "bare.git"
    assert await repository.resolve("main") == git(project, "rev-parse", "main")


async def test_a_linked_worktree_shares_the_key(project: Path, tmp_path: Path) -> None:
    """Two checkouts of one repository share one mirror, and each is its own root."""
    git(project, "worktree", "add", "-q", str(tmp_path / "other"), "-b", "side")
    one, other = await Repository.open(project), await Repository.open(tmp_path / "other")
    assert (one.key, other.root) == (other.key, tmp_path / "other")


async def test_the_key_is_safe_and_readable(tmp_path: Path, quiet_home: Path) -> None:
    """A repository in a folder with any name has a key that is a plain file name, and one of its own."""
    keys = [(await Repository.open(make_repository(tmp_path / name))).key for name in ("日本 語", "my app", "my-app")]
    assert keys[0].startswith("repository-")
    assert keys[1].startswith("my-app-")
    assert len(set(keys)) == 3


@pytest.mark.parametrize(
    ("place", "words"),
    [("nowhere", "no such folder"), ("plain", "no git repository"), ("project/.git", "inside of a git repository")],
)
async def test_what_is_no_repository_is_named(project: Path, tmp_path: Path, place: str, words: str) -> None:
    """A path without a repository is bad input, with the next step."""
    (tmp_path / "plain").mkdir()
    with pytest.raises(NotARepository, match=words):
        await Repository.open(tmp_path / place)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
async def test_a_foreign_repository_says_how_to_trust_it(project: Path) -> None:
    """A repository of another user is refused with the command that allows it."""
    for path in (project, project / ".git"):
        os.chown(path, 12345, 12345)
    with pytest.raises(NotARepository, match=r"belongs to another user.*--add safe\.directory"):
        await Repository.open(project)


async def test_no_git_is_a_sentence(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without git on PATH there is one clear line."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitUnusable, match=r"Install git 2\.38"):
        await Repository.open(project)


async def test_an_old_git_is_a_sentence(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A git that cannot merge without a worktree is refused before anything starts."""
    old = tmp_path / "bin" / "git"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho git version 2.30.2\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{old.parent}:{os.environ['PATH']}")
    with pytest.raises(GitUnusable, match=r"2\.30\.2.*Install git 2\.38"):
        await Repository.open(project)


@pytest.mark.parametrize(
    "revision", ["main", "HEAD", "@", "v1", "annotated", "refs/heads/main", "{sha}", "{short}", "main~0"]
)
async def test_a_base_may_be_said_in_many_ways(project: Path, revision: str) -> None:
    """A branch, a tag of either kind, an id or HEAD is the commit it means."""
    sha = git(project, "rev-parse", "HEAD")
    git(project, "tag", "v1")
    git(project, "tag", "-a", "-m", "x", "annotated")
    wanted = revision.format(sha=sha, short=sha[:9])
    assert await (await Repository.open(project)).resolve(wanted) == sha


async def test_a_detached_head_is_a_base(project: Path) -> None:
    """HEAD means the commit that is checked out, on a branch or not."""
    first = git(project, "rev-parse", "HEAD")
    commit(project, {"b": "b"})
    git(project, "checkout", "-q", first)
    assert await (await Repository.open(project)).resolve("HEAD") == first


async def test_a_branch_wins_over_a_tag_of_its_name(project: Path) -> None:
    """A base is a branch first, whatever tag is called alike."""
    git(project, "tag", "main")
    head = commit(project, {"b": "b"})
    assert await (await Repository.open(project)).resolve("main") == head


@pytest.mark.parametrize(
    ("revision", "words"),
    [
        ("mian", "Did you mean main"),
        ("topic", "Did you mean origin/topic"),
        ("", "There are: main"),
        ("--all", "There are: main"),
        ("HEAD:README.md", "no branch, tag or commit"),
        ("deadbeef" * 5, "no branch, tag or commit"),
    ],
)
async def test_a_missing_base_names_what_is_like_it(project: Path, revision: str, words: str) -> None:
    """A base that does not exist is bad input, with what may have been meant."""
    git(project, "update-ref", "refs/remotes/origin/topic", "HEAD")
    with pytest.raises(BaseMissing, match=words):
        await (await Repository.open(project)).resolve(revision)


async def test_a_repository_without_commits_says_so(tmp_path: Path, quiet_home: Path) -> None:
    """In an empty repository the next step is a first commit."""
    (tmp_path / "empty").mkdir()
    git(tmp_path / "empty", "init", "-q")
    repository = await Repository.open(tmp_path / "empty")
    with pytest.raises(BadInput, match=r"no commit yet\. Make the first one"):
        await repository.resolve("HEAD")


async def test_changes_are_counted_and_sorted(project: Path) -> None:
    """Files come sorted, under both names where one was renamed; a binary file counts without lines."""
    base = git(project, "rev-parse", "HEAD")
    git(project, "mv", "README.md", "はじめに.md")
    head = commit(project, {"z.bin": b"\0\1\2", "b.txt": "1\n2\n", "src/a.txt": "1\n3\n"})
    changes = await (await Repository.open(project)).changes(base, head)
    assert changes.files == ("README.md", "b.txt", "src/a.txt", "z.bin", "はじめに.md")
    assert (changes.commits, changes.insertions, changes.deletions, changes.salvaged) == (1, 3, 2, False)


async def test_no_changes_are_no_changes(project: Path) -> None:
    """A head that is the base has changed nothing."""
    base = git(project, "rev-parse", "HEAD")
    changes = await (await Repository.open(project)).changes(base, base)
    assert (changes.commits, changes.files) == (0, ())


async def test_identity_is_the_users(project: Path, quiet_home: Path) -> None:
    """The user's name where there is one, in the repository before the home; Water Spider's where there is none."""
    repository = await Repository.open(project)
    assert await repository.identity() == ("Water Spider", "water-spider@localhost")
    (quiet_home / ".gitconfig").write_text("[user]\n\tname = 山田\n\temail = y@example.com\n")
    git(project, "config", "user.email", "work@example.com")
    assert await repository.identity() == ("山田", "work@example.com")


async def test_branches_come_and_go(project: Path) -> None:
    """Branches are listed by their beginning; deleting leaves alone what is checked out, quietly."""
    head = git(project, "rev-parse", "HEAD")
    for name in ("miyabi/r1/a", "miyabi/r1/b", "miyabi/r10/a"):
        git(project, "branch", name)
    repository = await Repository.open(project)
    assert await repository.branches("miyabi/r1") == {"miyabi/r1/a": head, "miyabi/r1/b": head}
    git(project, "checkout", "-q", "miyabi/r1/b")
    await repository.delete_branches(["miyabi/r1/a", "miyabi/r1/b", "miyabi/r1/none"])
    assert set(await repository.branches("miyabi")) == {"miyabi/r1/b", "miyabi/r10/a"}


async def test_reading_leaves_the_repository_alone(project: Path) -> None:
    """Nothing of the user's changes by our looking, even where its files are newer than its index says."""
    (project / "README.md").touch()
    (project / "untracked").write_text("x")
    before = snapshot(project)
    repository = await Repository.open(project)
    head = await repository.resolve("HEAD")
    await repository.changes(head, head)
    await repository.branches("miyabi")
    assert snapshot(project) == before


async def test_what_is_not_committed(project: Path) -> None:
    """Changed, staged, removed and new files are listed by their names; ignored ones, our own and one more are not."""
    repository = await Repository.open(project)
    assert await repository.uncommitted() == ()
    (project / "README.md").write_text("changed")
    (project / "src" / "a.txt").unlink()
    (project / "日本 語.txt").write_text("new")
    (project / "tasks.json").write_text("{}")
    (project / "ignored").write_text("x")
    (project / ".git" / "info" / "exclude").write_text("ignored\n")
    (project / ".miyabi").mkdir()
    (project / ".miyabi" / "config.toml").write_text("")
    found = await repository.uncommitted(besides="tasks.json")
    assert sorted(found) == ["README.md", "src/a.txt", "日本 語.txt"]


async def test_a_repository_that_is_gone_is_named(project: Path) -> None:
    """A folder that vanished later is an error of ours, too."""
    repository = await Repository.open(project)
    shutil.rmtree(project)
    with pytest.raises(Exception, match=r"cannot change to|No such file") as caught:
        await repository.changes("HEAD", "HEAD")
    assert type(caught.value).__module__ == "miyabi.errors"
