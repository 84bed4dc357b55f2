"""What the machine refuses, as errors with a next step."""

from __future__ import annotations

import pytest

from miyabi.errors import (
    MachineClosed,
    MachineDiskFull,
    MachineFull,
    MachineNotReady,
    MiyabiError,
    RemoteFailed,
    SessionConflict,
    SessionError,
)
from miyabi.machines import Completed
from miyabi.sessions.supervisor import refusal

CASES: list[tuple[int, str, type[MiyabiError], str]] = [
    (
        66,
        "session s exists with another cmd",
        SessionConflict,
        "m1: session s exists with another cmd. Remove it there",
    ),
    (69, "2 of 2 slots are taken by: a b", MachineFull, "m1: 2 of 2 slots are taken by: a b."),
    (70, "session s is running: cancel it first", SessionError, "m1: session s is running: cancel it first."),
    (71, "it takes no session: cordoned", MachineClosed, "m1: it takes no session: cordoned."),
    (73, "cannot write x: No space left", MachineDiskFull, "The disk of ~/.miyabi is full: free some space there."),
    (74, "cannot make x: Permission denied", MachineNotReady, "Make ~/.miyabi writable for this user"),
    (75, "/w/lock was held by somebody else for 20 s", RemoteFailed, "m1: `start s` failed: /w/lock was held"),
    (78, "no perl on the PATH of this machine (/bin)", MachineNotReady, "Sessions need perl"),
    (9, "", RemoteFailed, "m1: `start s` failed: exit status 9"),
]


@pytest.mark.parametrize(("status", "said", "error", "sentence"), CASES, ids=lambda value: str(value)[:20])
def test_every_refusal_has_its_error(status: int, said: str, error: type[MiyabiError], sentence: str) -> None:
    """The exit status names the kind, the machine's own words are in the sentence."""
    stderr = f"miyabi: {said}\n".encode() if said else b""
    made = refusal("m1", "~/.miyabi", ["start", "s", "2"], Completed(exit_status=status, stderr=stderr))
    assert type(made) is error
    assert sentence in str(made)
