"""myworld: pull requests with GitHub's own refusals, and answers that are lost; it has no milestones."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from miyabi.github import GitHubRepository
from miyabi.github.access import GitHubAccess, RetryPolicy
from tests.support.github.github import FAST
from tests.support.github.peers import call, free_port, once, running


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One test's own myworld: pull requests. Its repository is acme/api, with the branches main and feature."""

    url: str
    token: str
    faults_url: str

    @asynccontextmanager
    async def open(
        self, *, retry_policy: RetryPolicy = FAST, token: str = "", timeout_seconds: float = 30
    ) -> AsyncIterator[GitHubRepository]:
        """The client under test."""
        secret = SecretStr(token or self.token)
        access = GitHubAccess(repository="acme/api", token=secret, base_url=self.url, timeout_seconds=timeout_seconds)
        async with GitHubRepository.open(access, retry_policy=retry_policy) as client:
            yield client

    def pulls(self, *, state: str = "all") -> list[dict[str, Any]]:
        """Its pull requests."""
        return list(call("GET", f"{self.url}/repos/acme/api/pulls?state={state}", token=self.token))

    def fail(self, operation: str, kind: str, **more: Any) -> None:
        """The next call of that operation ("github.pulls.create") ends as a fault of myworld's."""
        call("PUT", self.faults_url, [{"tool": operation, "kind": kind, **more}])


@dataclass(frozen=True, slots=True, kw_only=True)
class MyWorld:
    """Makes worlds."""

    url: str

    def new_world(self, **repository: Any) -> World:
        """A fresh world; the arguments add to its repository's seed."""
        spec = {"name": "t", "task": "t", "agents": {"us": {"servers": ["github"]}}}
        seed = {"viewer": "alex", "users": _PEOPLE, "repos": [{**_SEED, **repository}]}
        made = call("POST", f"{self.url}/envs", {"spec": {**spec, "servers": {"github": {"seed": seed}}}})
        instance = made["servers"]["github"]["instance"]
        return World(
            url=f"{self.url}/gw/api.github.com",
            token=made["credentials"]["us"]["github_token"],
            faults_url=f"{self.url}/instances/{instance}/faults",
        )


_PEOPLE = [{"login": "alex"}, {"login": "rita"}, {"login": "acme", "type": "Organization"}]
_SEED: Mapping[str, Any] = {
    "name": "acme/api",
    "files": {"README.md": "# API\n"},
    "branches": {"feature": {"files": {"new.txt": "new\n"}}},
    "labels": ["bug"],
    "issues": [{"title": "First", "author": "rita"}],
}


@pytest.fixture(scope="session")
def myworld(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MyWorld]:
    """The running myworld."""
    with once("myworld", _myworld(tmp_path_factory)) as peer:
        yield peer


@contextmanager
def _myworld(folders: pytest.TempPathFactory) -> Iterator[MyWorld]:
    port, log = free_port(), folders.mktemp("myworld") / "log"
    url, command = f"http://127.0.0.1:{port}", Path(sys.executable).parent / "myworld"
    words: list[str | Path] = [command, "serve", "--host", "127.0.0.1", "--port", str(port), "--time", "realtime"]
    with running([*words, "--max-instances", "1000", "--log-level", "warning"], ready=f"{url}/healthz", log=log):
        yield MyWorld(url=url)
