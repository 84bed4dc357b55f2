"""Whatever says that the disk of this computer is full is one error, and is tried again while patience lasts."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from miyabi.errors import ConnectionDropped, DiskFull, GitDiskFull, GitFailed, HostKeyRefused, MachineError, MiyabiError
from miyabi.git import Git
from miyabi.git.command import GitResult
from miyabi.system import Backoff, is_our_disk, may_pass, raised_as_full, retried, retried_blocking

SAID = [
    "error: unable to write file x: No space left on device",
    "fatal: write error: Disk quota exceeded",
    "fatal: sha1 file 'x' write error. Out of diskspace",
]


def failing(*errors: Exception) -> Callable[[], str]:
    """A call that fails with these, one after the other, then works."""
    left = list(errors)

    def call() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return call


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two tries pass milliseconds, where users wait from 0.2 s up to 5 s."""
    monkeypatch.setattr("miyabi.system.retrying._BACKOFF", Backoff(0.01, 0.02))


def no_room(number: int = errno.ENOSPC) -> OSError:
    """What the system says."""
    return OSError(number, os.strerror(number), "file")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_file_without_room(number: int) -> None:
    """The error names the file and the reason, and is an OSError still."""
    with pytest.raises(DiskFull, match=rf"/x/y: {os.strerror(number)}") as caught, raised_as_full(Path("/x/y")):
        raise no_room(number)
    assert isinstance(caught.value, OSError)


def test_another_failure_with_a_file() -> None:
    """It stays what it is."""
    with pytest.raises(PermissionError), raised_as_full(Path("/x/y")):
        raise PermissionError


@pytest.mark.parametrize("said", SAID)
def test_git_without_room(said: str) -> None:
    """It is a failure of git and a full disk."""
    error = Git(Path("/")).failure(GitResult(exit_status=128, stdout=b"", stderr=said), "fetch")
    assert isinstance(error, GitDiskFull)
    assert is_our_disk(error)
    assert said in str(error)


def test_git_that_fails_otherwise() -> None:
    """It is no full disk."""
    error = Git(Path("/")).failure(GitResult(exit_status=128, stdout=b"", stderr="fatal: bad object"), "fetch")
    assert not is_our_disk(error)


@pytest.mark.usefixtures("short_pauses")
async def test_what_passes_is_tried_again() -> None:
    """The system's own error as well, and each is told."""
    call, errors = failing(no_room(), DiskFull(), GitDiskFull()), list[MiyabiError]()

    async def asked() -> str:
        return call()

    assert await retried(asked, patience_seconds=60, passes=is_our_disk, on_wait=errors.append) == "done"
    assert [type(error) for error in errors] == [DiskFull, DiskFull, GitDiskFull]


@pytest.mark.parametrize("error", [HostKeyRefused(), GitFailed(), DiskFull()])
async def test_what_does_not_pass_is_raised_at_once(error: MiyabiError) -> None:
    """A machine's refusal stays, and our own disk is no trouble of a machine."""
    call = failing(error)

    async def asked() -> str:
        return call()

    with pytest.raises(type(error)):
        await retried(asked, patience_seconds=60)


@pytest.mark.usefixtures("short_pauses")
async def test_patience_has_an_end() -> None:
    """The last error is raised then."""

    async def asked() -> str:
        raise ConnectionDropped

    with pytest.raises(ConnectionDropped):
        await retried(asked, patience_seconds=0.05)


@pytest.mark.usefixtures("short_pauses")
def test_a_thread_waits_for_room() -> None:
    """Again until there is some, or patience is over."""
    errors: list[DiskFull] = []
    assert retried_blocking(failing(DiskFull(), DiskFull()), patience_seconds=60, on_wait=errors.append) == "done"
    assert len(errors) == 2
    with pytest.raises(DiskFull):
        retried_blocking(failing(*[DiskFull()] * 9), patience_seconds=0)


def test_a_command_that_took_too_long_may_pass() -> None:
    """It is told as a bare MachineError; a frozen link looks like that."""
    assert may_pass(MachineError())
