"""A token reaches the one server that it is for, and is seen nowhere else."""

from __future__ import annotations

import asyncio
import logging
import os
from base64 import b64encode
from pathlib import Path

import pytest
from pydantic import SecretStr

from miyabi.errors import PushRefused, SettingsError
from miyabi.git import Remote, Repository
from miyabi.github.access import remote_token
from tests.support.git import pushing, repositories
from tests.support.git.pushing import BRANCH, NAME, PushingRepository
from tests.support.git.repositories import git
from tests.support.github.git_side import TOKEN, GitHubGit

project = repositories.project
quiet_home = repositories.quiet_home
pushing_repository = pushing.pushing_repository

CANARY = "plain-canary-0a1b2c3d4e5f"
BASIC = b64encode(f"x-access-token:{CANARY}".encode()).decode()


def _holds_canary(text: str) -> bool:
    return CANARY in text or BASIC in text


def _files_with_canary(folder: Path) -> list[Path]:
    return [f for f in folder.rglob("*") if f.is_file() and _holds_canary(f.read_bytes().decode("latin-1"))]


@pytest.fixture
def watched(
    pushing_repository: PushingRepository, monkeypatch: pytest.MonkeyPatch, quiet_home: Path, tmp_path: Path
) -> PushingRepository:
    """A repository whose token is the canary, where every trace of git's is switched on."""
    pushing_repository.hub.token = CANARY
    traces = tmp_path / "traces"
    traces.mkdir()
    for name in ("GIT_TRACE", "GIT_TRACE_CURL", "GIT_TRACE_PACKET", "GIT_TRACE_SETUP", "GIT_TRACE2_EVENT"):
        monkeypatch.setenv(name, str(traces / name))
    monkeypatch.setenv("GIT_TRACE_REDACT", "0")
    monkeypatch.setenv("GIT_CURL_VERBOSE", "1")
    for key in ("trace2.eventTarget", "trace2.normalTarget", "trace2.perfTarget"):
        git(pushing_repository.project, "config", "--global", key, str(traces / key))
    git(pushing_repository.project, "config", "--global", "trace2.configParams", "*")
    git(
        pushing_repository.project,
        "config",
        "--global",
        "trace2.envVars",
        "GIT_CONFIG_VALUE_*,GIT_CONFIG_VALUE_1,GIT_CONFIG_VALUE_2",
    )
    return pushing_repository


async def test_the_token_is_seen_nowhere(
    watched: PushingRepository, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in a command line while git pushes, nor in settings, files, traces and log lines afterwards."""
    caplog.set_level(logging.DEBUG)
    with watched.held() as arrived:
        task = asyncio.create_task(watched.push({BRANCH: watched.work()}, target=await watched.target(CANARY)))
        assert await asyncio.to_thread(arrived.wait, 20)
        lines = pushing.commands()
        settings = git(watched.project, "config", "-l", "--show-origin")
    assert await task == (BRANCH,)
    assert [line for line in lines if watched.hub.url in line and "miyabi-remote:" in line]
    assert not list(filter(_holds_canary, [*lines, settings, caplog.text]))
    assert not _files_with_canary(tmp_path)


@pytest.mark.parametrize("service", ["git-upload-pack", "git-receive-pack"])
async def test_a_server_that_echoes_the_token_is_not_quoted(watched: PushingRepository, service: str) -> None:
    """What the other side says is told without the token, and so are the values that hold it."""
    target = await watched.target(CANARY)
    watched.hub.refuse(403, text=f"you sent {{authorization}}, {CANARY}", service=service, method="GET")
    with pytest.raises(PushRefused, match=r"you sent Basic \[redacted\], \[redacted\]") as caught:
        await watched.push({BRANCH: watched.work()}, target=target)
    texts = [str(caught.value), repr(caught.value), str(caught.value.refused), repr(target), str(target)]
    assert not list(filter(_holds_canary, texts))


async def test_a_login_in_the_address_is_taken_out(watched: PushingRepository) -> None:
    """A token that the user wrote into the remote's address works, and is in no command line and no message."""
    address = watched.hub.clone_url(NAME).replace("//", f"//x-access-token:{CANARY}@")
    target = Remote.of(address)
    with watched.held() as arrived:
        task = asyncio.create_task(watched.push({BRANCH: watched.work()}, target=target))
        assert await asyncio.to_thread(arrived.wait, 20)
        lines = pushing.commands()
    assert await task == (BRANCH,)
    assert not list(filter(_holds_canary, [*lines, repr(target), str(target.url)]))


async def test_another_server_does_not_get_the_token(pushing_repository: PushingRepository, tmp_path: Path) -> None:
    """A remote that is not at the API's host is reached as the user reaches it, without the token."""
    with GitHubGit(tmp_path / "other", token=None) as other:
        other.create(NAME)
        git(pushing_repository.project, "remote", "add", "other", other.clone_url(NAME))
        target = await pushing_repository.target(remote="other")
        assert await pushing_repository.push({BRANCH: pushing_repository.work()}, target=target) == (BRANCH,)
        assert {request.authorization for request in other.requests} == {None}


async def test_the_users_own_header_gives_way(pushing_repository: PushingRepository) -> None:
    """A header in the user's settings, as CI systems write it, is not sent beside the token."""
    git(
        pushing_repository.project,
        "config",
        f"http.{pushing_repository.hub.url}/.extraHeader",
        "Authorization: Basic dXNlcjpzdGFsZQ==",
    )
    assert await pushing_repository.push({BRANCH: pushing_repository.work()}) == (BRANCH,)


async def test_a_netrc_gives_way(pushing_repository: PushingRepository, quiet_home: Path) -> None:
    """A login in ~/.netrc is not used instead of the token."""
    (quiet_home / ".netrc").write_text("machine 127.0.0.1 login x-access-token password stale\n")
    assert await pushing_repository.push({BRANCH: pushing_repository.work()}) == (BRANCH,)


async def test_settings_by_the_environment_stay(
    pushing_repository: PushingRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the user sets by GIT_CONFIG_COUNT counts beside what we set."""
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.{pushing_repository.hub.url}/.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "hub:")
    git(pushing_repository.project, "remote", "set-url", "origin", f"hub:{NAME}.git")
    assert await pushing_repository.push({BRANCH: pushing_repository.work()}) == (BRANCH,)


@pytest.mark.parametrize(
    "setting",
    [
        ("remote.origin.pushurl", "{right}"),
        ("url.{right}.insteadOf", "{wrong}"),
        ("url.{right}.pushInsteadOf", "{wrong}"),
    ],
)
async def test_the_address_for_pushing_counts(pushing_repository: PushingRepository, setting: tuple[str, str]) -> None:
    """`pushurl`, `insteadOf` and `pushInsteadOf` lead to the place that git itself would push to."""
    right, wrong = pushing_repository.hub.clone_url(NAME), "http://127.0.0.1:9/wrong.git"
    git(pushing_repository.project, "remote", "set-url", "origin", wrong)
    git(pushing_repository.project, "config", *(word.format(right=right, wrong=wrong) for word in setting))
    target = await pushing_repository.target()
    assert (target.address, target.login is not None) == (right, True)


async def test_no_such_remote_names_those_there_are(pushing_repository: PushingRepository) -> None:
    """A remote that is not there is bad input."""
    git(pushing_repository.project, "remote", "add", "upstream", "https://github.com/o/n")
    with pytest.raises(SettingsError, match=r"project has no remote 'orign'\. There are: origin, upstream\."):
        await pushing_repository.target(remote="orign")


async def test_no_remote_at_all_says_how_to_add_one(pushing_repository: PushingRepository) -> None:
    """A repository without remotes says so."""
    git(pushing_repository.project, "remote", "remove", "origin")
    with pytest.raises(SettingsError, match=r"There is none: git remote add origin URL"):
        await Remote.resolve(await Repository.open(pushing_repository.project), token=remote_token(SecretStr(TOKEN)))


def test_no_terminal_and_no_window_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that asks a person is left in the environment; how ssh is to be run is."""
    given = {"GIT_ASKPASS": "/gui", "SSH_ASKPASS": "/gui", "GIT_SSH_COMMAND": "ssh -F x", "GIT_TRACE": "1"}
    seen = Remote.of("git@github.com:o/n.git").environment({**os.environ, **given})
    assert (seen["GIT_ASKPASS"], seen["SSH_ASKPASS"], seen["SSH_ASKPASS_REQUIRE"]) == ("", "", "never")
    assert (seen["GIT_SSH_COMMAND"], "GIT_TRACE" in seen) == ("ssh -F x", False)
