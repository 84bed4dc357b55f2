"""What we push to is what `git push` would push to, however the user's settings rewrite addresses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from miyabi.git import Repository
from miyabi.git.remote.base import fetch_base
from tests.support.git import pushing, repositories
from tests.support.git.pushing import BRANCH, NAME, PushingRepository
from tests.support.git.repositories import git
from tests.support.github.git_side import GitHubGit

any_git = repositories.any_git
pushing_repository = pushing.pushing_repository
project = repositories.project
quiet_home = repositories.quiet_home


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[GitHubGit]:
    """Another server with a repository of the same name, which takes whatever comes."""
    with GitHubGit(tmp_path / "elsewhere", token=None) as other:
        other.create(NAME)
        yield other


CHAINS = {
    "insteadOf, then insteadOf": ("hub:{name}", {"url.{hub}/.insteadOf": "hub:", "url.{other}/.insteadOf": "{hub}/"}),
    "then pushInsteadOf": ("hub:{name}", {"url.{hub}/.insteadOf": "hub:", "url.{other}/.pushInsteadOf": "{hub}/"}),
    "the whole address": ("hub:x", {"url.{right}.insteadOf": "hub:x", "url.{wrong}.insteadOf": "{right}"}),
    "pushInsteadOf, then insteadOf": (
        "hub:{name}",
        {"url.{hub}/.pushInsteadOf": "hub:", "url.{other}/.insteadOf": "{hub}/"},
    ),
    "and back": ("{wrong}", {"url.{hub}/.insteadOf": "{other}/", "url.{other}/.insteadOf": "{hub}/"}),
    "everything": ("hub:{name}", {"url.{hub}/.insteadOf": "hub:", "url.{other}/x/.insteadOf": ""}),
}


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS.keys())
async def test_an_address_is_rewritten_once(
    any_git: str, pushing_repository: PushingRepository, elsewhere: GitHubGit, chain: tuple[str, dict[str, str]]
) -> None:
    """Rules that would lead on from where another rule has led count no more than they do for `git push`."""
    right, wrong = pushing_repository.hub.clone_url(NAME), elsewhere.clone_url(NAME)
    words = {
        "name": f"{NAME}.git",
        "hub": pushing_repository.hub.url,
        "other": elsewhere.url,
        "right": right,
        "wrong": wrong,
    }
    url, settings = chain
    git(pushing_repository.project, "remote", "set-url", "origin", url.format(**words))
    for name, value in settings.items():
        git(pushing_repository.project, "config", name.format(**words), value.format(**words))
    work = pushing_repository.work()
    assert await pushing_repository.push({BRANCH: work}) == (BRANCH,)
    base = await fetch_base(
        await Repository.open(pushing_repository.project), "main", remote=await pushing_repository.target()
    )
    assert (pushing_repository.there(), base) == (work, pushing_repository.base)
    assert not elsewhere.requests
