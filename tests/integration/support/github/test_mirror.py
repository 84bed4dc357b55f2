"""The stand-in for GitHub has one truth: what is pushed is in its API, under the same ids."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from miyabi.git import Remote, Repository, push
from miyabi.github.access import remote_token
from tests.support.git import repositories
from tests.support.git.pushing import BRANCH, QUICK
from tests.support.git.repositories import commit, git
from tests.support.github import github as github_support
from tests.support.github.git_side import GitHubGit
from tests.support.github.github import GitHub, SeededRepository
from tests.support.github.mirror import git_side

quiet_home = repositories.quiet_home
emulate = github_support.emulate
github = github_support.github


@pytest.fixture
def seeded(github: GitHub) -> SeededRepository:
    """A repository at GitHub, with one commit."""
    return github.new_repository()


@pytest.fixture
def hub(github: GitHub, seeded: SeededRepository, tmp_path: Path, quiet_home: Path) -> Iterator[GitHubGit]:
    """Its git side."""
    with git_side(github, seeded, tmp_path / "hub") as served:
        yield served


@pytest.fixture
def clone(hub: GitHubGit, seeded: SeededRepository, tmp_path: Path) -> Path:
    """The user's clone of it."""
    git(tmp_path, "clone", "-q", str(hub.folder / f"{seeded.name}.git"), "clone")
    git(tmp_path / "clone", "remote", "set-url", "origin", hub.clone_url(seeded.name))
    return tmp_path / "clone"


async def test_a_pushed_branch_can_be_a_pull_request(
    hub: GitHubGit, github: GitHub, seeded: SeededRepository, clone: Path
) -> None:
    """A branch that was pushed over git is the head of a pull request opened through the API at the same origin."""
    files = {"src/deep/a.txt": "1\n", "b.bin": b"\0\xff", "日本.txt": "語\n"}
    head = commit(clone, files, message="子 commit\n\nwith a body\n")
    repository = await Repository.open(clone)
    token = remote_token(SecretStr(seeded.token()), base_url=hub.url)
    target = await Remote.resolve(repository, token=token)
    assert await push(repository, {BRANCH: head}, remote=target, patience=QUICK) == (BRANCH,)
    async with github.open(seeded, base_url=hub.url) as client:
        await client.pull_requests.upsert(BRANCH, "main", title="Title", body="Body")
    (pull,) = seeded.pulls()
    assert pull["head"]["sha"] == seeded.head(BRANCH) == head


async def test_the_mirror_follows(hub: GitHubGit, seeded: SeededRepository, clone: Path) -> None:
    """A branch that is moved, also backwards, or deleted, is so in the API."""
    first = commit(clone, {"a": "1"})
    second = commit(clone, {"a": "2"})
    address = hub.clone_url(seeded.name).replace("//", f"//x-access-token:{seeded.token()}@")
    for head in (second, first):
        git(clone, "push", "-q", "--force", address, f"{head}:refs/heads/side")
        assert seeded.head("side") == head
    git(clone, "push", "-q", address, ":refs/heads/side")
    with pytest.raises(AssertionError, match="404"):
        seeded.head("side")
