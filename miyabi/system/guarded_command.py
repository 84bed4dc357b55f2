"""Runs one shell command for somebody who must not see its secrets, wait for it too long, or drown in its output.

A process of its own, so that whoever runs it (a shell, Prefect) gets the output fit to be shown: secrets replaced,
so many characters at most. Its exit status is the command's, 124 where the time limit ended it.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from miyabi.system import private_files
from miyabi.system.process import clean_environment, shell_status
from miyabi.system.process_tree import end_tree
from miyabi.text import clean, hide, redact, secrets_of_file

TIMED_OUT = 124
"""The exit status of a command that ran into its time limit, as of timeout(1)."""

TAIL_CHARACTERS = 16_000
"""So much of the end of the output is shown, however much it was."""

_SHOWN_CHARACTERS = 200_000
_LONGEST_LINE_BYTES = 1 << 16
_FLUSH_SECONDS = 0.5
_GRACE_SECONDS = 5.0
_MARK = "MIYABI_VERIFY"
_NOTE = Path(".git/miyabi-verify.json")  # where nothing of a commit can be
_ENDINGS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def note(folder: Path, *, secret_files: Iterable[str], environment: Mapping[str, str]) -> None:
    """Notes in a repository's folder what guarded commands there have to know.

    Args:
        folder: of a checkout, with its `.git`.
        secret_files: by path from there; what they hold is not to be shown.
        environment: what the commands get besides.

    Raises:
        DiskFull: there is no room for it.
    """
    content = {"secret_files": list(secret_files), "environment": dict(environment)}
    private_files.write_bytes(folder / _NOTE, json.dumps(content).encode())


def guarded(command: str, *, timeout_seconds: float) -> list[str]:
    """Makes the command line that runs a shell command guarded: in the current folder and a clean environment."""
    root = str(Path(__file__).resolve().parents[2])
    program = (
        f"import sys; sys.path.insert(0, {root!r}); from miyabi.system.guarded_command import main; main(sys.argv[1:])"
    )
    kept = [f"{name}={value}" for name, value in clean_environment(os.environ).items()]
    return ["env", "-i", *kept, sys.executable, "-I", "-S", "-c", program, f"{timeout_seconds:g}", command]


class OutputFilter:
    """Passes output on in whole lines, fit to be shown; once it was much, only the end of what follows."""

    def __init__(
        self, write: Callable[[str], object], *, shown: int = _SHOWN_CHARACTERS, tail: int = TAIL_CHARACTERS
    ) -> None:
        self._write = write
        self._left = shown
        self._tail_bytes = tail
        self._pending = b""
        self._ready: list[str] = []
        self._tail = b""
        self._skipped = 0

    def feed(self, data: bytes) -> None:
        """Takes what the command wrote."""
        lines, line_break, rest = (self._pending + data).rpartition(b"\n")
        if len(rest) > _LONGEST_LINE_BYTES:
            lines, line_break, rest = lines + line_break + rest, b"", b""
        self._pending = rest
        self._take(lines + line_break)

    def flush(self) -> None:
        """Passes on the whole lines that are ready."""
        if self._ready:
            self._write("".join(self._ready))
            self._ready.clear()

    def close(self) -> None:
        """Passes on the rest, with a line that counts the bytes left out."""
        self._take(self._pending)
        self._pending = b""
        if self._skipped > len(self._tail):
            self._tail = self._tail.partition(b"\n")[2] or self._tail  # half a line may hold half a secret
            self._ready.append(f"\n… {self._skipped - len(self._tail):,} bytes left out …\n")
        self._ready.append(_fit(self._tail))
        self.flush()

    def _take(self, data: bytes) -> None:
        if self._left > 0:
            text = _fit(data)
            self._left -= len(text)
            self._ready.append(text)
        else:
            self._skipped += len(data)
            self._tail = (self._tail + data)[-self._tail_bytes :]


def _fit(data: bytes) -> str:
    return redact(clean(data.decode("utf-8", "replace")))


def main(arguments: Sequence[str]) -> NoReturn:
    """Runs the command in the second argument for as many seconds as the first says, and exits.

    Raises:
        SystemExit: always: with the command's status, 124 after the time limit, 128 + N where signal N ended us.
    """
    seconds, command = arguments
    for ending in _ENDINGS:
        signal.signal(ending, _leave)
    mark = f"{os.getpid()}-{time.time_ns()}"
    process = subprocess.Popen(
        ["/bin/sh", "-c", command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | _noted() | {_MARK: mark},
        start_new_session=True,
    )
    output = OutputFilter(_say)
    try:
        ended = _follow(process, output, deadline=time.monotonic() + float(seconds))
    finally:
        _ignore_signals()
        end_tree(process.pid, mark=f"{_MARK}={mark}", grace_seconds=_GRACE_SECONDS, on_wait=process.poll)
        process.wait()
    if not ended:
        output.feed(f"\nended after {float(seconds):g} s: that is its time limit\n".encode())
    output.close()
    sys.exit(shell_status(process.returncode) if ended else TIMED_OUT)


def _noted() -> dict[str, str]:
    """The further environment; what is in the files that were noted is hidden."""
    try:
        noted = json.loads(_NOTE.read_bytes())
    except (OSError, ValueError):
        return {}
    for file in noted["secret_files"]:
        with contextlib.suppress(OSError):
            hide(secrets_of_file(Path(file).read_bytes()))
    environment: dict[str, str] = noted["environment"]
    return environment


def _leave(number: int, _: object) -> NoReturn:
    _ignore_signals()
    sys.exit(128 + number)


def _ignore_signals() -> None:
    """From here on the command is ended, which nothing may cut short."""
    for ending in _ENDINGS:
        signal.signal(ending, signal.SIG_IGN)


def _follow(process: subprocess.Popen[bytes], output: OutputFilter, *, deadline: float) -> bool:
    """Passes the output on until the command ends; False where it is over time. Leaves where nobody waits any more."""
    assert process.stdout is not None  # noqa: S101 - opened as a pipe
    is_open, flushed, waiting = True, time.monotonic(), os.getppid()
    while (now := time.monotonic()) < deadline:
        if os.getppid() != waiting:
            sys.exit(128 + signal.SIGHUP)
        is_over = process.poll() is not None
        wait = 0 if is_over else min(_FLUSH_SECONDS, deadline - now)
        if not is_open:
            time.sleep(min(wait, 0.05))
        if is_open and select.select([process.stdout], [], [], wait)[0]:
            data = os.read(process.stdout.fileno(), _LONGEST_LINE_BYTES)
            is_open = bool(data)
            output.feed(data)
        elif is_over:
            return True
        if now - flushed > _FLUSH_SECONDS:
            output.flush()
            flushed = now
    return process.poll() is not None


def _say(text: str) -> None:
    """Unbuffered, so that nothing is left to be written when we go, perhaps to somebody who does not read any more."""
    data = text.encode()
    with contextlib.suppress(BrokenPipeError):
        while data:
            data = data[os.write(sys.stdout.fileno(), data) :]
