"""Which files of a clone a pattern matches."""

from __future__ import annotations

from pathlib import Path

from miyabi.git import Repository, matches
from tests.support.git import repositories
from tests.support.git.repositories import commit, make_repository

project = repositories.project
quiet_home = repositories.quiet_home


async def test_other_repositories_in_the_clone_are_no_files(project: Path) -> None:
    """A repository below, ignored or not, is matched by no pattern: git names it, as it cannot look into it."""
    commit(project, {".gitignore": "*.env\nbuild/\n"})
    (project / "a.env").touch()
    for folder in ("build/dependency", "beside"):
        make_repository(project / folder)
    found = await matches((await Repository.open(project)).git, "*.env")
    assert (found.ignored, found.tracked, found.new) == (("a.env",), (), ())
