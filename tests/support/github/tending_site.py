"""A run's pull request that is open at GitHub, with all that tending it takes but Prefect: `tending_site`.

The test imports `project`, `quiet_home`, `emulate` and `github` too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import SecretStr

from miyabi.git import Repository
from miyabi.github import GitHubLogin, GitHubRepository, LinkedRepository
from miyabi.pull_requests import Publication
from miyabi.runs import RunFolder
from miyabi.settings import GitHubSettings, PullRequestSettings, Settings
from miyabi.tending import kept_answers, next_step, read_open_pull_requests, take_step
from tests.support.git.repositories import git
from tests.support.github.git_side import GitHubGit
from tests.support.github.github import FAST, GitHub, SeededRepository
from tests.support.github.mirror import git_side
from tests.support.github.request import Job
from tests.support.values.finished_runs import commit_on

RUN, HEAD = "r1", "miyabi/r1"


@dataclass(frozen=True, slots=True, kw_only=True)
class TendingSite:
    """A clone whose run `r1` has opened a pull request for its branch."""

    project: Path
    github: GitHub
    remote: SeededRepository
    hub: GitHubGit
    auto_merge: Literal["", "squash", "merge", "rebase"] = ""

    @property
    def bare(self) -> Path:
        """The repository at GitHub."""
        return self.hub.folder / f"{self.remote.name}.git"

    @property
    def folder(self) -> RunFolder:
        """The folder of the run."""
        return RunFolder(self.project, RUN)

    @property
    def number(self) -> int:
        """The pull request's."""
        (pull,) = self.remote.pulls()
        return int(pull["number"])

    def head(self, branch: str = HEAD) -> str:
        """Where a branch is at GitHub."""
        return git(self.bare, "rev-parse", f"refs/heads/{branch}")

    def files(self, branch: str = HEAD) -> list[str]:
        """The files on a branch at GitHub, sorted."""
        return git(self.bare, "ls-tree", "-r", "--name-only", branch).splitlines()

    def stands(self, mergeable: str) -> None:
        """GitHub says from here on whether the pull request can be merged."""
        self.remote.hosted.pulls[self.number].mergeable_state = mergeable

    def check(self, name: str, conclusion: str | None, **job: Any) -> int:
        """A check run at the pull request's head, which a job of GitHub Actions is; None: it runs yet."""
        jobs = self.remote.hosted.jobs
        jobs[len(jobs) + 1] = Job(name=name, sha=self.head(), conclusion=conclusion, **job)
        return len(jobs)

    def somebody_pushes(self, branch: str, file: str, *, content: str = "theirs\n") -> str:
        """Another person pushes a commit; its id."""
        made = commit_on(self.bare, "aside", {file: content}, parent=self.head(branch), message=f"Add {file}\n")
        git(self.bare, "update-ref", "-d", "refs/heads/aside")
        self.hub.push(self.bare, self.remote.name, f"{made}:refs/heads/{branch}")
        return made

    async def linked(self) -> LinkedRepository:
        """The clone and its repository at GitHub."""
        github = GitHubSettings(base_url=self.hub.url, write_interval_seconds=0)
        settings = Settings(github=github, pull_request=PullRequestSettings(auto_merge=self.auto_merge))
        login = GitHubLogin(token=SecretStr(self.remote.token()))
        return await LinkedRepository.of(await Repository.open(self.project), settings, login=login)

    async def tend(self) -> list[str]:
        """What becomes of each open pull request, as the flow has it done."""
        linked = await self.linked()
        answers = kept_answers(self.project)
        async with GitHubRepository.open(linked.access, retry_policy=FAST, answers=answers) as github:
            read = await read_open_pull_requests(github, linked)
        async with GitHubRepository.open(linked.access, retry_policy=FAST) as github:
            return [(await take_step(github, linked, each, next_step(each))).said for each in read.found]

    async def publish(self) -> None:
        """The run's branch is pushed and its pull request opened, and its folder knows."""
        start = git(self.project, "rev-parse", "main")
        made = commit_on(self.project, f"{HEAD}/a", {"a.txt": "a\n"}, parent=start, message="Add a\n")
        git(self.project, "update-ref", f"refs/heads/{HEAD}/_integration", made)
        self.hub.push(self.project, self.remote.name, f"{made}:refs/heads/{HEAD}")
        async with self.github.open(self.remote) as github:
            pull = await github.pull_requests.upsert(HEAD, "main", title="Run r1", body="Work.")
        self.folder.create().keep(Publication(repository=self.remote.name, pull_requests=(pull,)))
        self.folder.info_file.write_text("{}")


@pytest.fixture
async def tending_site(tmp_path: Path, project: Path, github: GitHub) -> Iterator[TendingSite]:
    """A pull request that is as its run left it."""
    remote = github.new_repository("tended")
    with git_side(github, remote, tmp_path / "hub") as hub:
        git(project, "remote", "add", "origin", hub.clone_url(remote.name))
        git(project, "fetch", "--quiet", str(hub.folder / f"{remote.name}.git"), "main")
        git(project, "reset", "--quiet", "--hard", "FETCH_HEAD")
        site = TendingSite(project=project, github=github, remote=remote, hub=hub)
        await site.publish()
        github.front.forget()
        yield site
