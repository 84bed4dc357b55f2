"""Why a machine takes no session, as findings."""

from __future__ import annotations

import pytest

from miyabi.doctor import findings_of_refusal, fleet_finding, not_examined
from miyabi.errors import (
    ConnectionDropped,
    HostKeyRefused,
    LoginRefused,
    MachineDiskFull,
    MachineError,
    MachineNotReady,
    MachineUnreachable,
    SshConfigUnusable,
)
from miyabi.machines.ssh.errors import ClosedAtOnce


@pytest.mark.parametrize(
    ("error", "own"),
    [
        (MachineUnreachable, "unreachable"),
        (ClosedAtOnce, "unreachable"),
        (ConnectionDropped, "dropped"),
        (HostKeyRefused, "host-key"),
        (LoginRefused, "login-refused"),
        (SshConfigUnusable, "ssh-config"),
        (MachineNotReady, "not-ready"),
        (MachineDiskFull, "not-ready"),
        (MachineError, "not-ready"),
    ],
)
def test_the_error_decides_the_finding(error: type[MachineError], own: str) -> None:
    """Each is an error of its own id; its first sentence is what, the others are what to do."""
    (found,) = findings_of_refusal(error("m: perl is missing. Install perl there (macOS ships it)."), platform="linux")
    assert (found.id, found.severity, found.what) == (own, "error", "m: perl is missing.")
    assert found.mend == "Install perl there (macOS ships it)."


def test_one_that_is_taken_out() -> None:
    """Whatever the error is: somebody meant it."""
    (found,) = findings_of_refusal(MachineError("m is taken out"), taken_out=True)
    assert (found.id, found.what, found.mend) == ("taken-out", "m is taken out", "")


def test_what_is_no_machines_own() -> None:
    """A sentence of a warning becomes the finding of that id; one that nobody knows is a mistake of ours."""
    found = fleet_finding("claude-skew", "the machines have different versions. Update the older ones there.")
    assert (found.id, found.severity, found.mend) == ("claude-skew", "warning", "Update the older ones there.")
    with pytest.raises(KeyError):
        fleet_finding("none", "x")


def test_a_machine_of_which_no_more_is_known() -> None:
    """It is a warning: sessions may go well there."""
    found = not_examined(MachineError("m: no answer within 45 s."))
    assert (found.id, found.severity, found.what) == ("not-examined", "warning", "m: no answer within 45 s.")
