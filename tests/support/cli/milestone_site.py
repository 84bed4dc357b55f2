"""A milestone at GitHub, and all that it takes to run it.

`milestone_site` has the command, two sshd machines with the real claude, GitHub and its git.
`quick` has this machine twice and a scripted claude in their place: see `tests.support.claude.scripted` for what an
issue may ask of it.
"""

from __future__ import annotations

import html
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import pytest
from click.testing import CliRunner

from flows.__main__ import main
from miyabi.milestones.prompt import COMMENT_MARKER
from miyabi.text.github_markdown import NOTHING
from tests.support.cli.local_site import LocalSite, make_local_site
from tests.support.cli.process import Command
from tests.support.cli.site import CommandSite
from tests.support.cli.sshd_site import Site, make_site
from tests.support.git.repositories import git
from tests.support.github.git_side import GitHubGit
from tests.support.github.github import GitHub, SeededRepository, emulate, github  # noqa: F401 - fixtures
from tests.support.github.mirror import git_side
from tests.support.github.peers import call
from tests.support.prefect.server import RealServer
from tests.support.values.finished_runs import commit_on

S = TypeVar("S", bound=CommandSite)


@dataclass(frozen=True, kw_only=True)
class Invoked:
    """How a command ended that ran in this process."""

    status: int
    output: str
    stderr: str


@dataclass(frozen=True, kw_only=True)
class MilestoneSite(Generic[S]):
    """A user's clone with its machines, and the repository at GitHub."""

    site: S
    github: GitHub
    remote: SeededRepository
    hub: GitHubGit

    def configure(self, **tables: Any) -> None:
        """The configuration, with these tables besides."""
        github = {"base_url": self.hub.url, "write_interval_seconds": 0} | tables.pop("github", {})
        self.site.write_config(github=github, **tables)

    def orchestrate(self, milestone: object, *words: str, **environment: str) -> Command:
        """`miyabi orchestrate --milestone` as a process."""
        given = {"GITHUB_TOKEN": self.remote.token()} | environment
        return self.site.start("orchestrate", "--milestone", str(milestone), *words, **given)

    def press(self, milestone: object, *words: str, token: str | None = None) -> Invoked:
        """The same in this process, which saves the seconds of its start."""
        line = ["orchestrate", "--milestone", str(milestone), "-C", str(self.site.repository), *words]
        return self.miyabi(*line, GITHUB_TOKEN=token or self.remote.token())

    def miyabi(self, *words: str, **environment: str) -> Invoked:
        """Any command in this process."""
        own = self.site.environment | environment
        with _environment():
            done = CliRunner().invoke(main, [str(word) for word in words], env=own)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Invoked(status=done.exit_code, output=done.output, stderr=done.stderr)

    def flow(self, flow: Callable[..., Any], **parameters: Any) -> Any:
        """The last state of a flow that is pressed in the UI, with the token in its worker's environment."""
        with _environment():
            os.environ["GITHUB_TOKEN"] = self.remote.token()
            return flow(repository=self.site.repository, return_state=True, **parameters)

    def issue(self, title: str, milestone: int, *, scenario: str = "write", body: str = "") -> int:
        """An issue that is to be run, as somebody with write access makes it; its number."""
        text = f"Please do it. [[scenario:{scenario}]]\n\n{body}"
        return self.remote.issue(title, body=text, milestone=milestone, labels=["miyabi"])

    def comment(self, issue: int) -> str:
        """The one comment of ours on an issue."""
        (text,) = (c["body"] for c in self.remote.comments(issue) if c["body"].startswith(COMMENT_MARKER))
        return plain(text)

    def description(self, milestone: int) -> str:
        """The words of a milestone's description."""
        return plain(self.remote.description(milestone))

    def merge(self, pull: int) -> None:
        """Somebody merges a pull request: its base moves on, its issues are closed."""
        body = self.remote.ask("GET", f"pulls/{pull}")["body"]
        self.remote.ask("PUT", f"pulls/{pull}/merge", {})
        head = self.remote.ask("GET", f"pulls/{pull}")["head"]["ref"]
        git(self.hub_folder, "update-ref", "refs/heads/main", head)
        for number in closed(body):
            self.remote.close(number)

    def turn_down(self, pull: int) -> None:
        """Somebody closes a pull request without merging it."""
        self.remote.ask("PATCH", f"pulls/{pull}", {"state": "closed"})

    @property
    def hub_folder(self) -> Path:
        """The repository at GitHub."""
        return self.hub.folder / f"{self.remote.name}.git"

    def pull(self, number: int) -> dict[str, Any]:
        """A pull request, as GitHub shows it to its owner."""
        return dict(
            call("GET", f"{self.github.url}/repos/{self.remote.name}/pulls/{number}", token=self.remote.token())
        )

    def commit(self, branch: str, file: str) -> str:
        """A new branch at GitHub with a commit on top of main; its head."""
        start = git(self.hub_folder, "rev-parse", "main")
        return commit_on(self.hub_folder, branch, {file: "new\n"}, parent=start, message=f"Add {file}\n")

    def statuses(self, branch: str) -> dict[str, str]:
        """The state in each context of the statuses of a branch's head; each was set once."""
        found = self.remote.hosted.statuses.get(git(self.hub_folder, "rev-parse", branch), [])
        states = {status["context"]: status["state"] for status in found}
        assert len(states) == len(found)
        return states

    def files(self, branch: str) -> list[str]:
        """The files on a branch at GitHub, sorted."""
        return git(self.hub_folder, "ls-tree", "-r", "--name-only", branch).splitlines()

    def runs(self) -> list[str]:
        """The names of the runs, in order."""
        return sorted(path.parent.name for path in (self.site.repository / ".miyabi/runs").glob("*/run.json"))


def plain(text: str) -> str:
    """A text as its reader sees it."""
    return html.unescape(text).replace(NOTHING, "")


def closed(body: str) -> list[int]:
    """The issues that a pull request's text closes."""
    return [int(line.removeprefix("Closes #")) for line in body.splitlines() if line.startswith("Closes #")]


@contextmanager
def _environment() -> Iterator[None]:
    """What a command puts into the environment is gone afterwards."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def publish_site(site: S, github: GitHub, folder: Path) -> Iterator[MilestoneSite[S]]:
    """Gives a site's clone a repository at GitHub, whose git side is in `folder`."""
    remote = github.new_repository("night")
    with git_side(github, remote, folder / "hub") as hub:
        git(site.repository, "remote", "add", "origin", hub.clone_url(remote.name))
        found = MilestoneSite(site=site, github=github, remote=remote, hub=hub)
        git(site.repository, "fetch", "--quiet", str(found.hub_folder), "main")
        git(site.repository, "reset", "--quiet", "--hard", "FETCH_HEAD")
        found.configure()
        yield found


@pytest.fixture
def milestone_site(tmp_path: Path, prefect_server: RealServer, github: GitHub) -> Iterator[MilestoneSite[Site]]:
    """A clone without runs, and a repository with nothing but a first commit at GitHub."""
    with make_site(tmp_path, prefect_server) as site, publish_site(site, github, tmp_path) as found:
        yield found


@pytest.fixture
def quick(tmp_path: Path, prefect_server: RealServer, github: GitHub) -> Iterator[MilestoneSite[LocalSite]]:
    """The same with a scripted claude on this machine."""
    with make_local_site(tmp_path, prefect_server) as site, publish_site(site, github, tmp_path) as found:
        yield found
