"""What goes wrong with the code on a machine, as a sentence."""

from __future__ import annotations

import pytest

from miyabi.errors import BadInput, ConnectionDropped, MachineDiskFull, MachineError, MachineNotReady, RemoteFailed
from miyabi.machines import Completed
from miyabi.sessions.workspace_errors import failure, require_safe, script_is_gone


def _failure(exit_status: int, stderr: str) -> MachineError:
    answer = Completed(exit_status=exit_status, stderr=stderr.encode())
    return failure(answer, machine="mini2", workspace="~/.miyabi", doing="prepare the worktree")


@pytest.mark.parametrize(
    ("exit_status", "stderr", "kind", "words"),
    [
        (
            73,
            "miyabi: cannot write the bundle: No space left on device",
            MachineDiskFull,
            "the disk of ~/.miyabi is full",
        ),
        (70, "error: unable to write file x: No space left on device", MachineDiskFull, "Free some space"),
        (70, "fatal: write error: Disk quota exceeded", MachineDiskFull, "Free some space"),
        (78, "miyabi: there is no git on this machine's PATH (/bin)", MachineNotReady, "there is no git"),
        (65, "miyabi: the bundle came short: 3 of 9 bytes", ConnectionDropped, "the connection went"),
        (70, "fatal: index file corrupt", RemoteFailed, "cannot prepare the worktree: fatal: index file corrupt"),
        (1, "", RemoteFailed, "exit status 1"),
    ],
)
def test_an_exit_status_becomes_an_error(exit_status: int, stderr: str, kind: type, words: str) -> None:
    """Each fault has its error, which names the machine and what was found."""
    error = _failure(exit_status, stderr)
    assert type(error) is kind
    assert error.machine == "mini2"
    assert str(error).startswith("mini2: ")
    assert words in str(error)


@pytest.mark.parametrize(
    ("exit_status", "stderr", "gone"),
    [
        (2, "/bin/sh: 0: cannot open /w/bin/workspace-1.sh: No such file", True),
        (127, "/bin/sh: /w/bin/workspace-1.sh: No such file or directory", True),
        (127, "/bin/sh: git: not found", False),
        (70, "miyabi: /w/bin/workspace-1.sh", False),
    ],
)
def test_a_removed_script_is_noticed(exit_status: int, stderr: str, *, gone: bool) -> None:
    """Where somebody removed our script we can tell, and install it again."""
    answer = Completed(exit_status=exit_status, stderr=stderr.encode())
    assert script_is_gone(answer, "/w/bin/workspace-1.sh") is gone


@pytest.mark.parametrize("name", ["..", "../x", "a/b", "-rf", "a b", "", "x.lock", "x.", "a..b", "ä", ".x", "a\nb"])
def test_names_that_could_mean_another_place_are_refused(name: str) -> None:
    """Nothing unsafe becomes a folder, a branch or an option there."""
    with pytest.raises(BadInput, match="cannot be the name"):
        require_safe((name,))


@pytest.mark.parametrize("name", ["t1", "T.1_a-b", "20260101-120000-x", "a" * 64])
def test_safe_names_pass(name: str) -> None:
    """The names of runs and tasks are not refused."""
    require_safe((name,))
