"""A milestone at GitHub, and all that it takes to run it: `night` has the command, two machines, GitHub and its git."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.github import GitHub, SeededRepository, emulate, github  # noqa: F401 - fixtures
from tests.support.github_git import GitHubGit
from tests.support.github_mirror import git_side
from tests.support.orchestrated import Command, Site, make_site
from tests.support.prefect_server import RealServer
from tests.support.repos import git


@dataclass(frozen=True, kw_only=True)
class Night:
    """A user's clone with its machines, and the repository at GitHub."""

    site: Site
    github: GitHub
    remote: SeededRepository
    hub: GitHubGit

    def configure(self, **tables: Any) -> None:
        """The configuration, with these tables besides."""
        github = {"base_url": self.hub.url, "write_interval_seconds": 0} | tables.pop("github", {})
        self.site.write_config(github=github, **tables)

    def orchestrate(self, milestone: object, *words: str) -> Command:
        """`miyabi orchestrate --milestone`."""
        return self.site.start("orchestrate", "--milestone", str(milestone), *words, GITHUB_TOKEN=self.remote.token())

    def issue(self, title: str, milestone: int, *, scenario: str = "write", body: str = "") -> int:
        """An issue that is to be run, as somebody with write access makes it; its number."""
        text = f"Please do it. [[scenario:{scenario}]]\n\n{body}"
        return self.remote.issue(title, body=text, milestone=milestone, labels=["miyabi"])

    def files(self, branch: str) -> list[str]:
        """The files on a branch at GitHub, sorted."""
        folder = self.hub.folder / f"{self.remote.name}.git"
        return git(folder, "ls-tree", "-r", "--name-only", branch).splitlines()

    def runs(self) -> list[str]:
        """The names of the runs, in order."""
        return sorted(path.parent.name for path in (self.site.repository / ".miyabi/runs").glob("*/run.json"))


@pytest.fixture
def night(
    tmp_path: Path,
    prefect_server: RealServer,
    github: GitHub,
) -> Iterator[Night]:
    """A clone without runs, and a repository with nothing but a first commit at GitHub."""
    remote = github.new_repository("night")
    with git_side(github, remote, tmp_path / "hub") as hub, make_site(tmp_path, prefect_server) as site:
        git(site.repository, "remote", "add", "origin", hub.clone_url(remote.name))
        found = Night(site=site, github=github, remote=remote, hub=hub)
        found.configure()
        yield found
