"""Commands of which only the end counts."""

from __future__ import annotations

import pytest

from miyabi.system.process import exit_status


@pytest.mark.parametrize(("command", "status"), [("exit 0", 0), ("exit 3", 3), ("read line", 1), ("kill -9 $$", -9)])
def test_how_a_command_ends(command: str, status: int) -> None:
    """Its exit status, or the signal that ended it; there is nothing to read for it."""
    assert exit_status(["/bin/sh", "-c", command], timeout_seconds=20) == status


def test_what_it_says_is_not_shown(capfd: pytest.CaptureFixture[str]) -> None:
    """Neither its output nor its complaints reach the user."""
    assert exit_status(["/bin/sh", "-c", "echo out; echo err >&2"], timeout_seconds=20) == 0
    assert capfd.readouterr() == ("", "")


def test_a_command_that_does_not_end() -> None:
    """It is ended."""
    with pytest.raises(TimeoutError, match="sleep"):
        exit_status(["sleep", "60"], timeout_seconds=0.1)


def test_a_command_that_is_not_there() -> None:
    """That is an OSError as any."""
    with pytest.raises(FileNotFoundError):
        exit_status(["/nonexistent/command"], timeout_seconds=20)
