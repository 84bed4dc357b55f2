"""Pushing over ssh, with the user's own keys and configuration, to a real sshd."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from pydantic import SecretStr

from miyabi.errors import RemoteLoginRefused, RemoteNotFound, RemoteUnreachable
from miyabi.git import Remote, Repository
from miyabi.github.access import remote_token
from tests.support.git import pushing, repositories
from tests.support.git.pushing import BRANCH, PushingRepository
from tests.support.git.repositories import git
from tests.support.machines import sshd
from tests.support.machines.sshd import SshdFleet

project = repositories.project
quiet_home = repositories.quiet_home
pushing_repository = pushing.pushing_repository
sshd_fleet = sshd.sshd_fleet


@pytest.fixture
def over_ssh(pushing_repository: PushingRepository, sshd_fleet: SshdFleet) -> PushingRepository:
    """A repository whose remote is reached over ssh."""
    git(pushing_repository.project, "remote", "set-url", "origin", f"h1:{pushing_repository.bare}")
    git(pushing_repository.project, "config", "core.sshCommand", f"ssh -F {sshd_fleet.config}")
    return pushing_repository


def _locked_key(file: Path) -> Path:
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "a passphrase", "-f", str(file)]
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
    return file


async def _target(pushing_repository: PushingRepository) -> Remote:
    repository = await Repository.open(pushing_repository.project)
    return await Remote.resolve(repository, token=remote_token(SecretStr("tok_not_for_ssh")))


async def test_the_users_key_signs_in(over_ssh: PushingRepository) -> None:
    """The remote is reached as the user reaches it; the token stays out of it; what is there is not pushed."""
    target, head = await _target(over_ssh), over_ssh.work()
    assert target.login is None
    assert await over_ssh.push({BRANCH: head}, target=target) == (BRANCH,)
    assert over_ssh.there() == head
    assert await over_ssh.push({BRANCH: head}, target=target) == ()


async def test_the_command_may_be_in_the_environment(
    over_ssh: PushingRepository, sshd_fleet: SshdFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GIT_SSH_COMMAND counts, as it does for the user's own pushes."""
    git(over_ssh.project, "config", "--unset", "core.sshCommand")
    monkeypatch.setenv("GIT_SSH_COMMAND", f"ssh -F {sshd_fleet.config}")
    assert await over_ssh.push({BRANCH: over_ssh.work()}, target=await _target(over_ssh)) == (BRANCH,)


async def test_no_key_is_a_sentence(over_ssh: PushingRepository, sshd_fleet: SshdFleet, tmp_path: Path) -> None:
    """A key that would need its passphrase is told with what to do; nobody is asked for it."""
    key, host = _locked_key(tmp_path / "key"), sshd_fleet[0]
    options = f"-o UserKnownHostsFile={sshd_fleet.known_hosts} -o IdentityAgent=none -o IdentitiesOnly=yes"
    git(over_ssh.project, "config", "core.sshCommand", f"ssh -F none -i {key} {options}")
    git(over_ssh.project, "remote", "set-url", "origin", f"ssh://127.0.0.1:{host.port}{over_ssh.bare}")
    with pytest.raises(RemoteLoginRefused, match=r"does not let us in: .*denied \(publickey\).*ssh-agent"):
        await over_ssh.push({BRANCH: over_ssh.work()}, target=await _target(over_ssh))


async def test_an_unknown_host_key_is_a_sentence(
    over_ssh: PushingRepository, sshd_fleet: SshdFleet, tmp_path: Path
) -> None:
    """A host that is not known is not trusted, and nobody is asked whether it is."""
    command = f"ssh -F {sshd_fleet.config} -o UserKnownHostsFile={tmp_path}/none -o StrictHostKeyChecking=ask"
    git(over_ssh.project, "config", "core.sshCommand", f"{command} -o BatchMode=no")
    with pytest.raises(RemoteLoginRefused, match=r"Host key verification failed.*by hand: ssh h1"):
        await over_ssh.push({BRANCH: over_ssh.work()}, target=await _target(over_ssh))


async def test_no_repository_there_is_a_sentence(over_ssh: PushingRepository) -> None:
    """A path that is no repository is told as such."""
    git(over_ssh.project, "remote", "set-url", "origin", "h1:/nowhere.git")
    with pytest.raises(RemoteNotFound, match=r"no repository h1:/nowhere\.git"):
        await over_ssh.push({BRANCH: over_ssh.work()}, target=await _target(over_ssh))


async def test_no_sshd_there_is_unreachable(over_ssh: PushingRepository) -> None:
    """A port where nobody listens may be tried again later."""
    git(over_ssh.project, "remote", "set-url", "origin", "ssh://127.0.0.1:9/nowhere.git")
    with pytest.raises(RemoteUnreachable, match=r"Connection refused"):
        await over_ssh.push({BRANCH: over_ssh.work()}, target=await _target(over_ssh))
