"""A canary: the token, and an App's key, stand in no error, no representation, no log record and no traceback."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from miyabi.errors import GitHubError
from miyabi.github import GitHubRepository
from miyabi.github.access import RetryPolicy
from tests.support.github.github import GitHub, SeededRepository, emulate, github  # noqa: F401 - fixtures

RETRY_POLICY = RetryPolicy(write_interval_seconds=0, retry_seconds=0.01, max_wait_seconds=1, attempts=2)
Arrange = Callable[[GitHub, SeededRepository], Any]


def echo(github: GitHub, repository: SeededRepository, status: int) -> None:
    """The server repeats the token in its refusal."""
    said = f"Your token {repository.token()} is no good"
    github.front.refuse("GET", "", status=status, message=said, times=9)


TROUBLE: dict[str, Arrange] = {
    "refused": lambda github, repository: github.overlay.expired.add(repository.token()),
    "echoed 401": lambda github, repository: echo(github, repository, 401),
    "echoed 403": lambda github, repository: echo(github, repository, 403),
    "echoed 422": lambda github, repository: echo(github, repository, 422),
    "echoed 502": lambda github, repository: echo(github, repository, 502),
    "reset": lambda github, _: github.front.cut("GET", "", times=9),
    "late": lambda github, _: github.front.delay("GET", "", seconds=1, times=9),
    "limit": lambda github, _: github.front.refuse(
        "GET", "", status=429, headers={"retry_after": "9999"}, message="API rate limit exceeded"
    ),
    "a date to retry after": lambda github, _: github.front.refuse(
        "GET", "", status=429, headers={"retry_after": "Fri, 31 Dec 2027 23:59:59 GMT"}, times=9
    ),
    "moved away": lambda github, _: github.front.refuse(
        "GET", "", status=301, headers={"location": "http://127.0.0.1:9/"}, times=9
    ),
    "not the API": lambda github, _: github.front.answer("GET", "", content="<html>"),
}


def texts_of(error: BaseException) -> Iterator[str]:
    """Everything that an error tells, and those that led to it, with the local variables that tracebacks can show."""
    seen: list[BaseException] = []
    waiting = [error]
    while waiting:
        one = waiting.pop()
        seen.append(one)
        yield from (str(one), repr(one), repr(one.args), repr(vars(one)))
        yield "".join(traceback.TracebackException.from_exception(one, capture_locals=True).format())
        waiting += [each for each in (one.__cause__, one.__context__) if each and each not in seen]
        for name in ("request", "response"):
            yield repr(getattr(getattr(one, name, None), "headers", {}).items())


async def failing(client: GitHubRepository) -> list[str]:
    """What a read and a write that fail tell."""
    calls: tuple[Callable[[], Awaitable[Any]], ...] = (
        client.milestones.all,
        lambda: client.issues.upsert_comment(1, marker="<!-- m -->", body="text"),
    )
    texts: list[str] = []
    for call in calls:
        with pytest.raises(GitHubError) as caught:
            await call()
        texts += texts_of(caught.value)
    return texts


@pytest.fixture
def every_log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """All records of the client libraries, at DEBUG."""
    for name in ("", "httpx", "httpcore", "httpcore.http11", "githubkit", "hishel", "miyabi", "asyncio"):
        caplog.set_level(logging.DEBUG, logger=name or None)
    return caplog


@pytest.mark.parametrize("trouble", TROUBLE)
async def test_no_failure_tells_the_token(github: GitHub, every_log: pytest.LogCaptureFixture, trouble: str) -> None:
    """Refusals that repeat it, faults, limits: in no text of any error of the chain, and in no log record."""
    repository = github.new_repository()
    TROUBLE[trouble](github, repository)
    async with github.open(repository, retry_policy=RETRY_POLICY, timeout_seconds=0.3) as client:
        texts = [*await failing(client), repr(client), repr(vars(client)), repr(vars(client._client))]
    canary = repository.token()
    assert github.front.sent[0].headers["authorization"] == f"Bearer {canary}"
    assert [text for text in texts if canary in text] == []
    assert canary not in every_log.text
    assert not any(canary in repr(vars(record)) for record in every_log.records)


async def test_no_good_answer_tells_the_token(github: GitHub, every_log: pytest.LogCaptureFixture) -> None:
    """Reads and writes that succeed log nothing of it; requests are logged at all."""
    repository = github.new_repository()
    number = repository.issue("An issue")
    async with github.open(repository) as client:
        await client.issues.upsert_comment(number, marker="<!-- m -->", body="text")
        await client.info()
    assert any(record.name == "httpx" for record in every_log.records)
    assert not any(repository.token() in repr(vars(record)) for record in every_log.records)


@pytest.mark.parametrize("change", [{}, {"installation_id": 1}, {"app_id": 1}, {"private_key": SecretStr("x" * 200)}])
async def test_an_apps_key_is_not_told(
    github: GitHub, every_log: pytest.LogCaptureFixture, change: dict[str, Any]
) -> None:
    """Neither the key nor the token that it is exchanged for."""
    app = replace(github.app, **change)
    repository = github.new_repository()
    if not change:
        github.front.refuse("GET", "", status=502, message="Bad Gateway", times=9)
    async with github.open(repository, retry_policy=RETRY_POLICY, token=None, app=app) as client:
        texts = [*await failing(client), repr(app), repr(github.access(repository, token=None, app=app))]
    key = app.private_key.get_secret_value()
    minted = {sent.headers["authorization"].partition(" ")[2] for sent in github.front.sent}
    canaries = {key, app.pem, key.strip().splitlines()[len(key.strip().splitlines()) // 2], *minted}
    told_anywhere = [*texts, *(repr(vars(record)) for record in every_log.records)]
    assert [canary for canary in canaries for text in told_anywhere if canary in text] == []


async def test_nobody_else_gets_the_token(github: GitHub) -> None:
    """The next page is asked for at our address, although the overlay's links, as GitHub's, name api.github.com."""
    repository = github.new_repository()
    milestone = repository.milestone("large")
    for n in range(101):
        repository.issue(f"Issue {n}", milestone=milestone)
    async with github.open(repository) as client:
        assert len(await client.issues.of_milestone(milestone)) == 101
    assert len(github.front.sent) == 2
