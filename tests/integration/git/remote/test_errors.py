"""Pushes that meet a race, a fault or a refusal of the whole repository."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from pydantic import SecretStr

from miyabi.errors import GitError, PushRefused, RemoteLoginRefused, RemoteNotFound, RemoteUnreachable
from miyabi.git import Remote
from miyabi.git.remote.client import Patience
from miyabi.github.access import remote_token
from tests.support.git import pushing, repositories
from tests.support.git.pushing import BRANCH, NAME, PushingRepository
from tests.support.git.repositories import git
from tests.support.github.git_side import TOKEN, GitHubGit

project = repositories.project
quiet_home = repositories.quiet_home
pushing_repository = pushing.pushing_repository


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_who_pushes_in_between_is_not_overwritten(pushing_repository: PushingRepository, method: str) -> None:
    """Somebody pushes after we looked, before or while we push: we look again, and leave it."""
    await pushing_repository.push({BRANCH: pushing_repository.work()})
    theirs: list[str] = []
    pushing_repository.hub.before(lambda: theirs.append(pushing_repository.somebody_pushes()), method=method)
    with pytest.raises(PushRefused, match="somebody pushed to it"):
        await pushing_repository.push({BRANCH: pushing_repository.work("2")})
    assert [pushing_repository.there()] == theirs


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_run_of_ours_in_between_is_overwritten(pushing_repository: PushingRepository, method: str) -> None:
    """What got there after we looked is ours: we look again, and go on."""
    await pushing_repository.push({BRANCH: pushing_repository.work()})
    second, third = pushing_repository.work("2"), pushing_repository.work("3")
    git(pushing_repository.bare, "fetch", "-q", str(pushing_repository.project), second)
    pushing_repository.hub.before(
        lambda: git(pushing_repository.bare, "update-ref", f"refs/heads/{BRANCH}", second), method=method
    )
    assert await pushing_repository.push({BRANCH: third}) == (BRANCH,)
    assert (pushing_repository.there(), pushing_repository.hub.writes) == (third, 2 if method == "GET" else 3)


async def test_a_branch_that_never_rests_is_given_up(pushing_repository: PushingRepository) -> None:
    """It is tried a few times, not for ever."""
    await pushing_repository.push({BRANCH: pushing_repository.work()})
    heads = [pushing_repository.work(str(n)) for n in range(2, 6)]
    git(pushing_repository.bare, "fetch", "-q", str(pushing_repository.project), *heads)
    for head in heads[:3]:
        move = partial(git, pushing_repository.bare, "update-ref", f"refs/heads/{BRANCH}", head)
        pushing_repository.hub.before(move, method="GET")
    with pytest.raises(PushRefused, match="it changes while we push: stale info"):
        await pushing_repository.push({BRANCH: heads[3]})


@pytest.mark.parametrize("times", [1, 2])  # curl repeats a reset request once by itself
@pytest.mark.parametrize("fault", [GitHubGit.cut, GitHubGit.lose])
async def test_a_reset_is_repeated(
    pushing_repository: PushingRepository, fault: Callable[..., None], times: int
) -> None:
    """The connection is reset before or after GitHub took the push: in the end it is there, and is told as pushed."""
    head = pushing_repository.work()
    fault(pushing_repository.hub, times=times)
    assert await pushing_repository.push({BRANCH: head}) == (BRANCH,)
    writes = pushing_repository.hub.writes
    assert pushing_repository.there() == head
    assert (await pushing_repository.push({BRANCH: head}), pushing_repository.hub.writes) == ((), writes)


async def test_a_server_error_is_repeated(pushing_repository: PushingRepository) -> None:
    """A look that fails, and a push that fails, are done again."""
    pushing_repository.hub.refuse(502, service="git-upload-pack", method="GET")
    pushing_repository.hub.refuse(503)
    assert await pushing_repository.push({BRANCH: pushing_repository.work()}) == (BRANCH,)


async def test_who_never_answers_is_given_up(pushing_repository: PushingRepository) -> None:
    """After three attempts there is one line, which may be taken up later."""
    pushing_repository.hub.cut(times=9)
    with pytest.raises(RemoteUnreachable, match=r"cannot push to http.*reset by peer.*run the same again") as caught:
        await pushing_repository.push({BRANCH: pushing_repository.work()})
    assert caught.value.transient
    assert [(r.service, r.method) for r in pushing_repository.hub.requests].count(("git-receive-pack", "GET")) == 3


async def test_nobody_there_is_unreachable(pushing_repository: PushingRepository) -> None:
    """A port where nobody listens is told as such."""
    token = remote_token(SecretStr("x"), base_url="http://127.0.0.1:9")
    target = Remote.of("http://127.0.0.1:9/acme/api.git", token=token)
    with pytest.raises(RemoteUnreachable, match=r"cannot read from http://127.0.0.1:9/acme/api.git .*connect"):
        await pushing_repository.push({BRANCH: pushing_repository.work()}, target=target)


async def test_a_server_that_hangs_is_left(pushing_repository: PushingRepository) -> None:
    """Git is ended when its time is over, with all that it started."""
    with pushing_repository.held():
        with pytest.raises(RemoteUnreachable, match="no end after 1 seconds"):
            await pushing_repository.push(
                {BRANCH: pushing_repository.work()}, patience=Patience(attempts=1, timeout_seconds=1)
            )
        assert not [line for line in pushing.commands() if pushing_repository.hub.url in line]


async def test_a_killed_push_is_repeated(pushing_repository: PushingRepository) -> None:
    """Cancelled in the middle, nothing of it runs on; the same again goes on where it is."""
    head = pushing_repository.work()
    with pushing_repository.held() as arrived:
        task = asyncio.create_task(pushing_repository.push({BRANCH: head}))
        assert await asyncio.to_thread(arrived.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not [line for line in pushing.commands() if pushing_repository.hub.url in line]
    assert await pushing_repository.push({BRANCH: head}) in {(BRANCH,), ()}  # the server may have gone on by itself
    assert pushing_repository.there() == head


@pytest.mark.parametrize(
    ("token", "advice"), [("tok_wrong", "token is wrong, expired or revoked"), (None, "Set a token for it, or a")]
)
async def test_no_login_is_a_sentence(pushing_repository: PushingRepository, token: str | None, advice: str) -> None:
    """A wrong token and none at all are told apart, with what to do."""
    with pytest.raises(RemoteLoginRefused, match=rf"api\.git does not let us in: it asks for a user.*{advice}"):
        await pushing_repository.push(
            {BRANCH: pushing_repository.work()}, target=await pushing_repository.target(token)
        )


@pytest.mark.parametrize(
    ("status", "said", "kind", "words"),
    [
        (403, "This repository was archived so it is read-only.", PushRefused, "archived.*Unarchive it"),
        (403, "Permission to acme/api.git denied to bob.", PushRefused, "denied to bob.*write access"),
        (403, "Write access to repository not granted.", PushRefused, "not allow us to push to it: Write access"),
        (404, "Repository not found.", RemoteNotFound, "There is no repository http.*Repository not found"),
        (429, "Slow down.", RemoteUnreachable, "cannot push to .*429"),
    ],
)
async def test_a_refused_repository_is_a_sentence(
    pushing_repository: PushingRepository, status: int, said: str, kind: type[GitError], words: str
) -> None:
    """What GitHub says to a whole push is told with the next step, and every branch is among the refused ones."""
    pushing_repository.hub.refuse(status, text=said, method="GET", times=9)
    with pytest.raises(kind, match=words) as caught:
        await pushing_repository.push({BRANCH: pushing_repository.work()})
    assert not isinstance(caught.value, PushRefused) or [*caught.value.refused] == [BRANCH]


async def test_a_renamed_repository_is_followed(pushing_repository: PushingRepository) -> None:
    """GitHub leads from the old name to the new one: look and push go there, with the token."""
    pushing_repository.hub.rename(NAME, "acme/new-name")
    head = pushing_repository.work()
    assert await pushing_repository.push({BRANCH: head}) == (BRANCH,)
    assert git(pushing_repository.hub.folder / "acme/new-name.git", "rev-parse", BRANCH) == head


async def test_the_token_does_not_follow_to_another_server(
    pushing_repository: PushingRepository, tmp_path: Path
) -> None:
    """Led to another server, we do not even knock there, and say where it leads."""
    with GitHubGit(tmp_path / "other", token=None) as other:
        other.create("acme/new-name")
        pushing_repository.hub.rename(NAME, "acme/gone", origin=other.url)
        with pytest.raises(RemoteNotFound, match=rf"leads to {other.url}/acme/gone.git, which does not get the login"):
            await pushing_repository.push({BRANCH: pushing_repository.work()})
        assert not other.requests


async def test_without_a_token_the_users_helper_is_asked(
    pushing_repository: PushingRepository, quiet_home: Path
) -> None:
    """Who has a credential helper needs no token; who gives a token is not asked for another."""
    helper = quiet_home / "helper"
    helper.write_text(
        f'#!/bin/sh\necho "$1" >>"{quiet_home}/asked"\necho username=x-access-token\necho password={TOKEN}\n'
    )
    helper.chmod(0o755)
    git(
        pushing_repository.project, "config", "--global", f"credential.{pushing_repository.hub.url}.helper", str(helper)
    )
    with pytest.raises(RemoteLoginRefused):
        await pushing_repository.push(
            {BRANCH: pushing_repository.work()}, target=await pushing_repository.target("tok_wrong")
        )
    assert not (quiet_home / "asked").exists()
    assert await pushing_repository.push(
        {BRANCH: pushing_repository.work("2")}, target=await pushing_repository.target(None)
    ) == (BRANCH,)
    assert "get" in (quiet_home / "asked").read_text()
