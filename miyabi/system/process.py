"""Child processes, and the environment that they are given."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import termios
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import BinaryIO

_LOOKS = 50
_PAUSE_SECONDS = 0.02


async def spawn(
    words: Sequence[str],
    *,
    stdin: int | BinaryIO,
    stdout: int | BinaryIO,
    stderr: int,
    env: Mapping[str, str],
    cwd: str | None = None,
) -> Process:
    """Starts a child that leads a session of its own: no terminal that it could ask at, and one group to end.

    Where we are cancelled while it starts, it has ended with its group before we go: asyncio would end the child alone,
    and wait for what that has started.

    Args:
        words: the command line.
        stdin: a file, or one of asyncio's constants.
        stdout: the same.
        stderr: one of asyncio's constants.
        env: its whole environment.
        cwd: where it runs; None: where we do.

    Raises:
        OSError: it cannot be started.
    """
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *words, stdin=stdin, stdout=stdout, stderr=stderr, env=env, cwd=cwd, start_new_session=True
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        with suppress(OSError):
            await kill_group(await starting)
        raise


async def kill_group(process: Process) -> None:
    """Kills the child, which leads a process group of its own, with its group, and sees it through to its end."""
    if process.returncode is not None:
        await reap(process)
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await reap(process)
    with suppress(ProcessLookupError, PermissionError):  # nobody is left of it, or only who has ended (macOS)
        for _ in range(_LOOKS):
            os.killpg(process.pid, 0)
            await asyncio.sleep(_PAUSE_SECONDS)


async def reap(process: Process) -> None:
    """Waits for the child, also while we are being cancelled; what it still says is not read.

    Its pipes are closed first: asyncio's `Process.wait` waits for their end too, which never comes where what was read
    ahead is more than its limit, or where somebody whom the child has started still holds them.
    """
    transport = process._transport  # type: ignore[attr-defined]  # noqa: SLF001 - the only way to its pipes
    for number in range(3):
        pipe = transport.get_pipe_transport(number)
        if pipe and not pipe.is_closing():
            pipe.abort() if number == 0 else pipe.close()
    await asyncio.shield(process.wait())
    transport.close()


def exit_status(words: Sequence[str], *, timeout_seconds: float) -> int:
    """Runs a command that has no input and whose output nobody reads; blocks its thread meanwhile.

    Returns:
        Its exit status; below zero where a signal ended it, as `subprocess` has it.

    Raises:
        TimeoutError: it takes longer, and was ended.
        OSError: it cannot be started.
    """
    nothing = subprocess.DEVNULL
    try:
        done = subprocess.run(
            words, stdin=nothing, stdout=nothing, stderr=nothing, timeout=timeout_seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(str(error)) from None
    return done.returncode


def in_terminal(words: Sequence[str], *, env: Mapping[str, str]) -> int:
    """Runs a command in our terminal, and blocks meanwhile; Ctrl-C is for the command, and does nothing to us.

    Whatever the command has made of the terminal's modes is undone. `env` is its whole environment.

    Returns:
        Its exit status, as a shell has it.

    Raises:
        OSError: it cannot be started.
    """
    modes = termios.tcgetattr(sys.stdin)
    before = signal.signal(signal.SIGINT, lambda *_: None)  # not SIG_IGN, which the command would inherit
    try:
        return shell_status(subprocess.run(words, env=env, check=False).returncode)
    finally:
        signal.signal(signal.SIGINT, before)
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, modes)


def shell_status(status: int) -> int:
    """Converts an exit status to what a shell's `$?` has: 128 and the signal's number where a signal ended it.

    Args:
        status: below zero where a signal ended it, as `subprocess` has it.
    """
    return status if status >= 0 else 128 - status


_KEPT = frozenset({"HOME", "PATH", "USER", "LOGNAME", "SHELL", "LANG", "TMPDIR"})


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Reduces an environment to what a login would have too: none of the orchestrator's secrets."""
    return {name: value for name, value in environment.items() if name in _KEPT or name.startswith("LC_")}
