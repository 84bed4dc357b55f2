"""What a user may meet: each as one clear line of the right class."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pydantic import SecretStr

from miyabi.errors import (
    GitHubError,
    NotFoundOnGitHub,
    RepositoryArchived,
    RightsMissing,
    SettingsError,
    TokenRefused,
)
from miyabi.github import GitHubApp, GitHubRepository
from miyabi.github.access import GitHubAccess
from tests.support.github.github import GitHub, emulate, github  # noqa: F401 - fixtures
from tests.support.github.myworld import MyWorld, myworld  # noqa: F401 - fixture

Call = Callable[[GitHubRepository], Awaitable[Any]]
READS: dict[str, Call] = {
    "info": lambda client: client.info(),
    "milestone 1": lambda client: client.milestones.get(1),
    "milestones": lambda client: client.milestones.all(),
    "issues": lambda client: client.issues.of_milestone(1),
    "pull requests": lambda client: client.pull_requests.all(),
}
WRITES: dict[str, Call] = {
    "milestone": lambda client: client.milestones.update(1, description="text"),
    "comment": lambda client: client.issues.upsert_comment(1, marker="<!-- m -->", body="text"),
    "label": lambda client: client.ensure_labels({"miyabi:queued": ("ff0000", "waits")}),
    "labels": lambda client: client.issues.set_labels(1, add=["miyabi:queued"]),
    "pull request": lambda client: client.pull_requests.upsert("miyabi/x", "main", title="T", body="B"),
    "status": lambda client: client.set_status("main", context="miyabi", state="success"),
}


async def refusal(client: GitHubRepository, call: Call) -> GitHubError:
    """What the call ends with: one line, which ends with what to do or what GitHub said."""
    with pytest.raises(GitHubError) as caught:
        await call(client)
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith((".", "?"))
    assert len(text) < 700
    return caught.value


@pytest.mark.parametrize("call", READS)
async def test_a_missing_repository_is_named(github: GitHub, call: str) -> None:
    """Whatever is asked for first, the line is about the repository, not about the thing in it."""
    repository = github.new_repository()
    async with github.open(repository, repository="alice/no-such") as client:
        error = await refusal(client, READS[call])
    assert isinstance(error, NotFoundOnGitHub)
    assert str(error) == (
        f"There is no repository alice/no-such at {github.url}, or the token may not see it."
        " Check the name, and which repositories the token is for."
    )


@pytest.mark.parametrize("call", [*READS, *WRITES])
async def test_an_expired_token_is_reported(github: GitHub, call: str) -> None:
    """401 for any call: the repository, GitHub's words, and what to do; it is asked once."""
    repository = github.new_repository()
    github.overlay.expired.add(repository.token())
    async with github.open(repository) as client:
        error = await refusal(client, {**READS, **WRITES}[call])
    assert isinstance(error, TokenRefused)
    assert str(error) == (
        f"GitHub refuses the token for {repository.name} (Bad credentials): it is wrong, expired or revoked."
        " Make a new one and put it where Water Spider reads it."
    )
    assert len(github.front.sent) == 1


async def test_a_second_server_refuses_an_expired_token_alike(myworld: MyWorld) -> None:
    """Myworld's 401 means the same."""
    async with myworld.new_world().open(token="ghp_expired0000000000000") as client:  # noqa: S106 - none
        assert isinstance(await refusal(client, READS["pull requests"]), TokenRefused)


@pytest.fixture
def started(github: GitHub) -> Any:
    """A repository where each of WRITES has something to do."""
    repository = github.new_repository()
    repository.milestone("v1")
    repository.issue("An issue")
    repository.branch("miyabi/x")
    return repository


@pytest.mark.parametrize("call", WRITES)
async def test_an_archived_repository_is_reported(github: GitHub, started: Any, call: str) -> None:
    """A write to an archived repository: the repository, and that it can be unarchived."""
    started.archive()
    async with github.open(started) as client:
        error = await refusal(client, WRITES[call])
    assert isinstance(error, RepositoryArchived)
    assert f"{started.name} is archived" in str(error)
    assert "Unarchive it in its settings, or name another repository." in str(error)


async def test_an_archived_repository_is_known_beforehand(github: GitHub, started: Any) -> None:
    """`info` for writing refuses it; reading goes on."""
    started.archive()
    async with github.open(started) as client:
        assert (await client.info()).archived
        assert isinstance(await refusal(client, lambda c: c.info(for_writing=True)), RepositoryArchived)


@pytest.mark.parametrize("call", [name for name in WRITES if name != "comment"])
async def test_missing_rights_are_reported(github: GitHub, started: Any, call: str) -> None:
    """A token that may only read: what may not be changed, in which repository, and what the token needs."""
    async with github.open(started, by="bob") as client:
        error = await refusal(client, WRITES[call])
    assert isinstance(error, RightsMissing)
    assert str(error).startswith("The token may not change ")
    assert f" in {started.name}: Resource not accessible by personal access token." in str(error)
    assert str(error).endswith("=write.")


async def test_a_missing_issue_is_named(github: GitHub) -> None:
    """In a repository that is known to be there, the line is about the issue."""
    repository = github.new_repository()
    async with github.open(repository) as client:
        error = await refusal(client, lambda c: c.issues.get(404))
    assert isinstance(error, NotFoundOnGitHub)
    assert str(error) == f"{repository.name} has no issue #404, or the token may not read it (Not Found)."


async def test_a_commit_that_is_not_there_is_named(github: GitHub) -> None:
    """A status for a commit that was never pushed."""
    async with github.open(github.new_repository()) as client:
        error = await refusal(client, lambda c: c.set_status("f" * 40, context="miyabi", state="success"))
    assert isinstance(error, NotFoundOnGitHub)
    assert "has no status of ffffffffffff" in str(error)


@pytest.mark.parametrize("body", ["<html>Welcome</html>", '{"hello": "world"}', "[1, 2]", "null", '"text"'])
async def test_an_address_that_is_not_the_api_is_reported(github: GitHub, body: str) -> None:
    """A web page or some other JSON in place of GitHub's: the line asks for the address."""
    repository = github.new_repository()
    for _ in READS:
        github.front.answer("GET", "", content=body)
    async with github.open(repository) as client:
        for call in READS.values():
            assert "base_url" in str(await refusal(client, call))


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no owner": ({"repository": "app"}, "'app' is not of the form owner/name"),
    "an address": ({"repository": "https://github.com/a/b"}, "is not of the form owner/name"),
    "a path upwards": ({"repository": "a/.."}, "is not of the form owner/name"),
    "no credential": ({"token": None}, "needs one credential"),
    "two credentials": ({"app": GitHubApp(app_id=1, installation_id=2, private_key=SecretStr("k"))}, "not both"),
    "an empty token": ({"token": SecretStr("")}, "is empty or has spaces"),
    "a whole line": ({"token": SecretStr("TOKEN=ghp_x\n")}, "is empty or has spaces"),
    "no scheme": ({"base_url": "github.example"}, "is no address such as https://api.github.com"),
    "the web site": ({"base_url": "https://github.com"}, "is the web site. The API is at https://api.github.com"),
    "unencrypted": ({"base_url": "http://github.example/api/v3"}, "would send the token unencrypted"),
    "a login in it": ({"base_url": "https://me:secret-word@github.example/api/v3"}, "has a login in it"),
}


@pytest.mark.parametrize("case", WRONG)
def test_settings_that_cannot_be_are_refused_before_anything_is_sent(case: str) -> None:
    """One line that names the field; the credential is not in it."""
    fields, said = WRONG[case]
    values: dict[str, Any] = {"repository": "acme/app", "token": SecretStr("secret-word"), **fields}
    with pytest.raises(SettingsError, match=said) as caught:
        GitHubAccess(**values)
    assert "\n" not in str(caught.value)
    assert "secret-word" not in f"{caught.value} {caught.value!r}"


async def test_an_app_that_gets_something_else_than_a_token(github: GitHub) -> None:
    """As where a proxy answers in GitHub's place: a sentence, and what to look at."""
    github.front.refuse("POST", "access_tokens", status=201, message="Welcome!")
    async with github.open(github.new_repository(), token=None, app=github.app) as client:
        with pytest.raises(GitHubError, match=r"answer about the App's token is not of the known shape.*base_url"):
            await client.info()
