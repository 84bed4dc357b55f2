"""Asking supervise.sh on a host: the script is put there, the link may drop, and every refusal has a sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from miyabi.errors import (
    ConnectionDropped,
    MachineClosed,
    MachineDiskFull,
    MachineError,
    MachineFull,
    MachineNotReady,
    MiyabiError,
    RemoteFailed,
    SessionConflict,
    SessionError,
)
from miyabi.machines import Completed, Host, install
from miyabi.sessions.protocol import Status, parse_status
from miyabi.system import Backoff

_CAME_SHORT = 65
_NO_SCRIPT = frozenset({2, 126, 127})
"""What the shells say when the script is not where we put it."""
_TRIES = 4
_BACKOFF = Backoff(0.2)

_SESSION_REFUSALS: dict[int, tuple[type[SessionError], str]] = {
    66: (SessionConflict, "Remove it there first (miyabi sweep RUN), or start under another name."),
    70: (SessionError, ""),
}
_PERL = "Sessions need perl, as macOS and Linux bring it along: install it there."
_MACHINE_REFUSALS: dict[int, tuple[type[MachineError], str]] = {
    69: (MachineFull, ""),
    71: (MachineClosed, ""),
    73: (MachineDiskFull, "The disk of {workspace} is full: free some space there."),
    74: (MachineNotReady, "Make {workspace} writable for this user, or set another `workspace` for the machine."),
    78: (MachineNotReady, _PERL),
    127: (MachineNotReady, _PERL),
}


async def command(host: Host, workspace: str, words: Sequence[str]) -> list[str]:
    """Makes the words that ask supervise.sh on this host, and installs it there where it is missing.

    Raises:
        MachineDiskFull: no room for it.
        MachineNotReady: the workspace cannot be written.
        MachineError: as `Host.run`.
    """
    script = await install.install(host, workspace, "supervise")
    return ["exec", "/bin/sh", script, workspace, *words]


async def call(
    host: Host, workspace: str, words: Sequence[str], *, stdin: bytes = b"", timeout_seconds: float = 60
) -> Completed:
    """Asks supervise.sh. Every verb may be repeated, so a link that drops in mid-command is no trouble.

    Raises:
        MachineFull: all slots are taken, or it takes no session at present (MachineClosed).
        SessionConflict: the session exists with other parts.
        SessionError: it still runs and cannot be forgotten.
        MachineDiskFull: nothing was started.
        MachineNotReady: no perl, or the workspace cannot be written.
        MachineError: as `Host.run`.
    """
    for attempt in range(1, _TRIES + 1):
        last = attempt == _TRIES
        try:
            done = await host.run(await command(host, workspace, words), stdin=stdin, timeout_seconds=timeout_seconds)
        except ConnectionDropped:
            if last:
                raise
            await asyncio.sleep(_BACKOFF.seconds(attempt))
            continue
        if done.exit_status in _NO_SCRIPT and not last:
            install.forget(host)
        elif done.exit_status != _CAME_SHORT or last:
            break
    if done.exit_status:
        raise refusal(host.name, workspace, words, done)
    return done


async def ask(
    host: Host, workspace: str, words: Sequence[str], *, stdin: bytes = b"", timeout_seconds: float = 60
) -> tuple[tuple[str, Status], ...]:
    """Asks supervise.sh for status lines.

    Returns:
        Name and status of each session, in the order of the lines.

    Raises:
        MachineNotReady: other text stands where the script answers; else as `call`.
        SessionError: as `call`.
        MachineError: as `call`.
    """
    done = await call(host, workspace, words, stdin=stdin, timeout_seconds=timeout_seconds)
    try:
        return tuple(parse_status(line) for line in done.stdout.decode("ascii").splitlines())
    except ValueError as error:
        raise unexpected_output(host.name, error) from error


def unexpected_output(machine: str, error: ValueError) -> MachineNotReady:
    """Makes the error for a machine that says something else than our script does."""
    return MachineNotReady(
        f"{machine}: where our script answers there is other text ({error}). A start-up file there (~/.bashrc, "
        "~/.zshenv, ~/.cshrc …) prints it: let it do so in interactive shells only.",
        machine=machine,
    )


def refusal(machine: str, workspace: str, words: Sequence[str], done: Completed) -> MiyabiError:
    """Makes the error that an exit status of supervise.sh stands for."""
    why = done.complaint.removeprefix("miyabi: ") or f"exit status {done.exit_status}"
    if done.exit_status in _SESSION_REFUSALS:
        session_error, advice = _SESSION_REFUSALS[done.exit_status]
        return session_error(f"{machine}: {why}. {advice}".strip())
    if done.exit_status in _MACHINE_REFUSALS:
        machine_error, advice = _MACHINE_REFUSALS[done.exit_status]
        return machine_error(f"{machine}: {why}. {advice.format(workspace=workspace)}".strip(), machine=machine)
    return RemoteFailed(
        f"{machine}: `{' '.join(words[:2])}` failed: {why}",
        machine=machine,
        exit_status=done.exit_status,
        stderr=done.complaint,
    )
