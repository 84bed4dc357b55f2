"""The folder in which a run is verified has every file of the commit, or is an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from miyabi.errors import GitFailed
from miyabi.git import Repository, clone_of
from miyabi.git.checkout import temporary_checkout
from tests.support.git import repositories
from tests.support.git.repositories import commit, git

any_git = repositories.any_git
project = repositories.project
quiet_home = repositories.quiet_home


async def _check_out(project: Path, commit: str) -> None:
    repository = await Repository.open(project)
    clone = await clone_of(repository, branch=None, commit=commit)
    async with temporary_checkout(repository, commit, clone):
        pytest.fail("a checkout without one of its files was handed out")


def _lose(project: Path, revision: str) -> None:
    oid = git(project, "rev-parse", revision)
    (project / ".git" / "objects" / oid[:2] / oid[2:]).unlink()


@pytest.mark.parametrize("lost", ["main:src/a.txt", "main:README.md", "main:src"])
async def test_an_object_that_is_missing_is_an_error(any_git: str, project: Path, lost: str) -> None:
    """A file or folder whose object is gone is not simply left out."""
    head = git(project, "rev-parse", "main")
    _lose(project, lost)
    with pytest.raises(GitFailed):
        await _check_out(project, head)


async def test_one_of_many_files_that_is_missing_is_an_error(any_git: str, project: Path) -> None:
    """Also where git writes them with several processes (from 100 files on)."""
    head = commit(project, {f"many/{n}.txt": f"{n}\n" for n in range(300)})
    _lose(project, "main:many/150.txt")
    with pytest.raises(GitFailed):
        await _check_out(project, head)


async def test_a_name_that_no_disk_takes_is_an_error(any_git: str, project: Path) -> None:
    """A file whose name is too long for the file system fails the checkout as a whole."""
    blob = git(project, "rev-parse", "main:README.md")
    tree = git(project, "mktree", stdin=f"100644 blob {blob}\t{'n' * 300}\n")
    head = git(project, "commit-tree", "-m", "long", "-p", "main", tree)
    with pytest.raises(GitFailed):
        await _check_out(project, head)


async def test_a_filter_that_fails_is_an_error(any_git: str, project: Path, quiet_home: Path) -> None:
    """A file whose required filter cannot be run is not handed out as it lies in the repository."""
    commit(project, {".gitattributes": "*.txt filter=lock\n"})
    (quiet_home / ".gitconfig").write_text('[filter "lock"]\n\tsmudge = false\n\trequired = true\n')
    with pytest.raises(GitFailed):
        await _check_out(project, git(project, "rev-parse", "main"))
