"""Faults on the way, five patterns of each: still exactly one of everything, and the next call writes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from miyabi.github import GitHubRepository
from miyabi.text import replace_block
from miyabi.text.marked_block import wrap
from tests.support.github.github import GitHub, SeededRepository, emulate, github  # noqa: F401 - fixtures
from tests.support.github.mountebank import Mountebank, mountebank  # noqa: F401 - fixture
from tests.support.github.myworld import MyWorld, myworld  # noqa: F401 - fixture

PATIENCE_SECONDS = 1.5
MARKER = "<!-- miyabi:comment -->"
DESCRIPTION = "Goal\r\n\r\n目標\r\n"
PATTERNS = ("F", ".F", ".F.F", ".FF", "FF.F.F")
"""What meets the looks and writes of one call in turn: a fault, or nothing."""


def _refusal(status: int, **headers: str) -> dict[str, Any]:
    body = {"message": "You have exceeded a secondary rate limit.", "documentation_url": "https://docs.github.com"}
    json = {"content-type": "application/json", **{name.replace("_", "-"): text for name, text in headers.items()}}
    return {"is": {"statusCode": status, "headers": json, "body": body}}


FAULTS: dict[str, dict[str, Any]] = {
    "403 with retry-after": _refusal(403, retry_after="1"),
    "429": _refusal(429, retry_after="1"),
    "502": {"is": {"statusCode": 502, "headers": {"content-type": "text/html"}, "body": "<h1>Bad Gateway</h1>"}},
    "timeout after it was done": {"behaviors": [{"wait": int(PATIENCE_SECONDS * 1000) + 300}]},
    "connection reset": {"fault": "CONNECTION_RESET_BY_PEER"},
}


class Pull:
    """One open pull request for the branch."""

    path = ".*/pulls"

    def __init__(self, repository: SeededRepository) -> None:
        self.repository = repository
        repository.branch("miyabi/x")

    async def __call__(self, client: GitHubRepository) -> None:
        """Asks for it."""
        await client.pull_requests.upsert("miyabi/x", "main", title="T", body="B")

    def holds(self) -> bool:
        """It is there, once."""
        return [pull["title"] for pull in self.repository.pulls(state="all")] == ["T"]


class Comment:
    """One comment on the issue."""

    def __init__(self, repository: SeededRepository) -> None:
        self.repository, self.number = repository, repository.issue("An issue")
        self.path = f".*/issues/{self.number}/comments"

    async def __call__(self, client: GitHubRepository) -> None:
        """Asks for it."""
        await client.issues.upsert_comment(self.number, marker=MARKER, body="text")

    def holds(self) -> bool:
        """It is there, once."""
        return [each["body"] for each in self.repository.comments(self.number)] == [f"{MARKER}\ntext"]


class Description:
    """One block in the milestone's description."""

    def __init__(self, repository: SeededRepository) -> None:
        self.repository, self.number = repository, repository.milestone("v1", description=DESCRIPTION)
        self.path = f".*/milestones/{self.number}"

    async def __call__(self, client: GitHubRepository) -> None:
        """Asks for it."""
        await client.milestones.update(self.number, description=lambda text: replace_block(text, wrap("content")))

    def holds(self) -> bool:
        """It is there, once, behind the words that were there."""
        block = wrap("content").replace("\n", "\r\n")
        return self.repository.description(self.number) == f"{DESCRIPTION}\r\n{block}"


class Labels:
    """One label of ours on the issue, and another one off it."""

    def __init__(self, repository: SeededRepository) -> None:
        self.repository = repository
        self.number = repository.issue("An issue", labels=["bug", "miyabi:queued"])
        self.path = f".*/issues/{self.number}/labels(/.*)?"

    async def __call__(self, client: GitHubRepository) -> None:
        """Asks for it."""
        await client.issues.set_labels(self.number, add=["miyabi:running"], remove=["miyabi:queued"])

    def holds(self) -> bool:
        """It is so."""
        return self.repository.labels(self.number) == {"bug", "miyabi:running"}


Operation = Pull | Comment | Description | Labels
Round = Callable[[Operation, str], Awaitable[None]]


async def _in_five_patterns(github: GitHub, kind: type[Operation], one_round: Round) -> None:
    """Each pattern with a repository of its own; afterwards all of them hold, and nothing more is written."""
    operations = [kind(github.new_repository()) for _ in PATTERNS]
    await asyncio.gather(*map(one_round, operations, PATTERNS))
    assert [operation.holds() for operation in operations] == [True] * 5
    github.front.forget()
    for operation in operations:
        async with github.open(operation.repository) as client:
            await operation(client)
    assert github.front.writes == ()


@pytest.mark.parametrize("kind", [Pull, Comment, Description, Labels])
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_leaves_exactly_one(
    github: GitHub, mountebank: Mountebank, fault: str, kind: type[Operation]
) -> None:
    """A proxy that refuses, resets or answers too late, at looks and writes: one call, one result."""

    async def one_round(operation: Operation, pattern: str) -> None:
        faults = [FAULTS[fault] if mark == "F" else {} for mark in pattern]
        methods = "(GET|POST|PATCH|DELETE)"
        with mountebank.in_front_of(github.url, *faults, method=methods, path=operation.path) as url:
            access: dict[str, Any] = {"base_url": url, "timeout_seconds": PATIENCE_SECONDS}
            async with github.open(operation.repository, **access) as client:
                await operation(client)

    await _in_five_patterns(github, kind, one_round)


@pytest.mark.parametrize("kind", [Pull, Comment, Description, Labels])
async def test_a_lost_answer_is_found_again(github: GitHub, kind: type[Operation]) -> None:
    """The server does what was asked, then the connection breaks: we look, and do not ask for it again."""

    async def one_round(operation: Operation, _pattern: str) -> None:
        method = "PATCH" if isinstance(operation, Description) else "POST"
        github.front.lose(method, f"{operation.repository.name}/")
        async with github.open(operation.repository) as client:
            await operation(client)

    await _in_five_patterns(github, kind, one_round)


async def test_a_lost_answer_to_a_create_writes_once(github: GitHub) -> None:
    """Five pull requests whose creation is answered with a reset: five requests to create one, not more."""
    repositories = [github.new_repository() for _ in range(5)]
    for repository in repositories:
        repository.branch("miyabi/x")
        github.front.lose("POST", f"{repository.name}/pulls")
        async with github.open(repository) as client:
            await client.pull_requests.upsert("miyabi/x", "main", title="T", body="B")
    assert github.front.writes == tuple(f"POST /repos/{each.name}/pulls" for each in repositories)


@pytest.mark.parametrize("fault", ["timeout_after_commit", "server_error"])
async def test_a_second_server_agrees(myworld: MyWorld, fault: str) -> None:
    """The faults that myworld has of its own, five times: one pull request in each world."""
    worlds = [myworld.new_world() for _ in range(5)]
    for world in worlds:
        world.fail("github.pulls.create", fault, times=1)
        async with world.open(timeout_seconds=PATIENCE_SECONDS) as client:
            made = await client.pull_requests.upsert("feature", "main", title="T", body="B")
            again = await client.pull_requests.upsert("feature", "main", title="T", body="B")
            assert again == made
    assert [[pull["title"] for pull in world.pulls()] for world in worlds] == [["T"]] * 5
