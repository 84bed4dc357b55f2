"""Where the repository is and as whom: renamed, at an Enterprise Server, through an App."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from miyabi.errors import GitHubUnreachable, NotFoundOnGitHub, RightsMissing, TokenRefused
from tests.support.github.emulate import new_private_key
from tests.support.github.github import GitHub, emulate, github  # noqa: F401 - fixtures

MARKER = "<!-- miyabi:comment -->"


async def test_a_renamed_repository_is_followed_by_reads(github: GitHub) -> None:
    """A read of the old name finds the new one, which is used from then on."""
    repository = github.new_repository()
    number = repository.milestone("v1")
    access = github.access(repository)
    repository.rename(f"{repository.name.partition('/')[2]}-renamed")
    async with github.open(repository, repository=access.repository) as client:
        assert (await client.milestones.get(number)).title == "v1"
        assert client.repository == repository.name
        github.front.forget()
        assert (await client.info()).full_name == repository.name
    assert [sent.path for sent in github.front.sent] == [f"/repos/{repository.name}"]


async def test_a_renamed_repository_is_followed_by_writes(github: GitHub) -> None:
    """A rename between a look and its write does not lose the write, nor double it."""
    repository = github.new_repository()
    number = repository.issue("An issue")
    async with github.open(repository) as client:
        assert await client.issues.comments(number) == ()
        repository.rename(f"{repository.name.partition('/')[2]}-renamed")
        for body in ("first", "second"):
            await client.issues.upsert_comment(number, marker=MARKER, body=body)
    assert [each["body"] for each in repository.comments(number)] == [f"{MARKER}\nsecond"]


async def test_an_issue_that_moved_elsewhere_is_reported(github: GitHub) -> None:
    """A transferred issue is not followed into the other repository: what is there is not ours."""
    repository = github.new_repository()
    number = repository.issue("An issue")
    target = f"{github.url}/repos/alice/other/issues/3"
    github.front.refuse("GET", f"/issues/{number}$", status=301, headers={"location": target})
    async with github.open(repository) as client:
        with pytest.raises(NotFoundOnGitHub, match=rf"no issue #{number} any more: it moved to {target}"):
            await client.issues.get(number)


async def test_a_rename_to_another_server_is_not_followed(github: GitHub) -> None:
    """A redirect that leads away from the API's address does not get our token."""
    repository = github.new_repository()
    headers = {"location": "http://127.0.0.1:9/repositories/1"}
    github.front.refuse("GET", "", status=301, headers=headers, times=9)
    async with github.open(repository) as client:
        with pytest.raises(NotFoundOnGitHub, match="moved to"):
            await client.milestones.all()


async def test_an_enterprise_server(github: GitHub) -> None:
    """Every request, of further pages and of a rename too, goes below the path of its API."""
    repository = github.new_repository()
    number = repository.issue("An issue")
    for n in range(101):
        repository.comment(number, f"comment {n}")
    old = repository.name
    repository.rename(f"{old.partition('/')[2]}-renamed")
    async with github.open(repository, repository=old, base_url=f"{github.enterprise_url}/") as client:
        assert len(await client.issues.comments(number)) == 101
        await client.issues.upsert_comment(number, marker=MARKER, body="text")
        assert (await client.info()).clone_url == f"{github.url}/{repository.name}.git"
    assert {sent.prefix for sent in github.front.sent} == {"/api/v3"}
    assert {sent.headers["x-github-api-version"] for sent in github.front.sent} == {"2022-11-28"}


def as_app(github: GitHub, **changes: Any) -> dict[str, Any]:
    """The access of the installed App."""
    return {"token": None, "app": replace(github.app, **changes)}


async def test_an_app_writes_with_a_token_that_it_mints_once(github: GitHub) -> None:
    """One token for many requests, whose comments are found again although an App is not told its login."""
    repository = github.new_repository()
    repository.branch("miyabi/x")
    number = repository.issue("An issue")
    async with github.open(repository, **as_app(github)) as client:
        await client.info(for_writing=True)
        for body in ("first", "second", "second"):
            await client.issues.upsert_comment(number, marker=MARKER, body=body)
        await client.pull_requests.upsert("miyabi/x", "main", title="T", body="B")
    [comment] = repository.comments(number)
    assert (comment["user"]["login"], comment["body"]) == ("miyabi-app[bot]", f"{MARKER}\nsecond")
    paths = [sent.path for sent in github.front.sent]
    assert sum("/access_tokens" in path for path in paths) == 1
    assert "/user" not in paths


async def test_an_installations_token_as_in_github_actions(github: GitHub) -> None:
    """A token that was minted elsewhere writes as the App, too."""
    repository = github.new_repository()
    number = repository.issue("An issue")
    async with github.open(repository, **as_app(github)) as client:
        await client.info()
    [minted] = {sent.headers["authorization"] for sent in github.front.sent if "/access_tokens" not in sent.path}
    async with github.open(repository, token=SecretStr(minted.removeprefix("Bearer "))) as client:
        for body in ("first", "second"):
            await client.issues.upsert_comment(number, marker=MARKER, body=body)
    assert len(repository.comments(number)) == 1


async def test_an_apps_token_is_renewed_before_it_ends(github: GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """With less than five minutes left a new one is minted; before that, not."""
    repository = github.new_repository()

    class Later(datetime):
        """The clock 50, then 56 minutes on."""

        ahead = timedelta()

        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz or UTC) + cls.ahead

    monkeypatch.setattr("miyabi.github.transport.datetime", Later)
    async with github.open(repository, **as_app(github)) as client:
        for minutes in (0, 50, 56):
            Later.ahead = timedelta(minutes=minutes)
            await client.milestones.all()
    assert sum("/access_tokens" in sent.path for sent in github.front.sent) == 2


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another key": ({"private_key": SecretStr(new_private_key())}, "no token for installation 77 of App 4242: 401"),
    "no key": ({"private_key": SecretStr("secret-words-of-mine")}, "cannot be read"),
    "another app": ({"app_id": 1}, "no token for installation 77 of App 1: 401"),
    "another installation": ({"installation_id": 1}, "no token for installation 1 of App 4242: 404"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_an_app_that_is_not_accepted_is_reported_in_one_line(github: GitHub, case: str) -> None:
    """A key that is none, or numbers that are not the App's: what to check, and not a word of the key."""
    changes, said = REFUSED[case]
    async with github.open(github.new_repository(), **as_app(github, **changes)) as client:
        with pytest.raises(TokenRefused, match=said) as caught:
            await client.info()
    assert "\n" not in str(caught.value)
    assert "secret-words" not in str(caught.value)
    assert "BEGIN" not in str(caught.value)


async def test_an_app_is_not_taken_for_another_of_its_number(github: GitHub) -> None:
    """What one client signed or was given is not another one's, though they name the same App and installation."""
    repository = github.new_repository()
    async with github.open(repository, **as_app(github)) as client:
        await client.info()
    async with github.open(repository, **as_app(github, private_key=SecretStr(new_private_key()))) as client:
        with pytest.raises(TokenRefused, match="no token for installation 77 of App 4242: 401"):
            await client.info()


async def test_a_server_error_for_an_apps_token_is_waited_out(github: GitHub) -> None:
    """The App's token is asked for again after a 502, and given up after the allowed attempts."""
    repository = github.new_repository()
    github.front.refuse("POST", "/access_tokens", status=502, times=2)
    async with github.open(repository, **as_app(github)) as client:
        assert await client.milestones.all() == ()
    github.front.refuse("POST", "/access_tokens", status=502, times=5)
    async with github.open(repository, **as_app(github)) as client:
        with pytest.raises(GitHubUnreachable, match="status 502 for the App's token"):
            await client.milestones.all()


async def test_the_token_to_push_with(github: GitHub) -> None:
    """It is the one that we came with, or the one that the App's requests are signed with."""
    repository = github.new_repository()
    async with github.open(repository) as client:
        assert (await client.token()).get_secret_value() == repository.token()
    async with github.open(repository, **as_app(github)) as client:
        token = (await client.token()).get_secret_value()
        await client.info()
    assert github.front.sent[-1].headers["authorization"] == f"Bearer {token}"
    github.front.cut("POST", "/access_tokens")
    async with github.open(repository, **as_app(github)) as client:
        with pytest.raises(GitHubUnreachable, match="does not serve a token for the App at the moment"):
            await client.token()


async def test_a_limit_on_an_apps_tokens_is_waited_for(github: GitHub) -> None:
    """A rate limit is no refusal of the App: it is waited for as any other."""
    waits: list[float] = []
    headers = {"retry_after": "1"}
    github.front.refuse("POST", "/access_tokens", status=403, message="secondary rate limit", headers=headers)
    repository = github.new_repository()
    async with github.open(repository, on_wait=lambda *wait: waits.append(wait[0]), **as_app(github)) as client:
        assert await client.milestones.all() == ()
    assert waits == [1]


async def test_a_pem_text_of_one_line_is_read(github: GitHub) -> None:
    """Line ends that were written as a backslash and an n, as in an environment variable, are line ends."""
    key = github.app.private_key.get_secret_value().replace("\n", "\\n")
    async with github.open(github.new_repository(), **as_app(github, private_key=SecretStr(key))) as client:
        assert (await client.info()).default_branch == "main"


async def test_writing_is_known_to_be_impossible_beforehand(github: GitHub) -> None:
    """`info` for writing refuses a token that may only read, and reads with it otherwise."""
    repository = github.new_repository()
    async with github.open(repository, by="bob") as client:
        assert not (await client.info()).can_push
        with pytest.raises(RightsMissing, match="Give it write access to contents, issues and pull requests"):
            await client.info(for_writing=True)
