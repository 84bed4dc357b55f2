"""A command in a terminal of some width, and what its screen shows in the end."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_ERASED = "\x1b[2K"


class Terminal:
    """A process on a pseudo-terminal; what it writes is kept."""

    def __init__(
        self,
        words: Sequence[str | Path],
        *,
        columns: int,
        rows: int = 30,
        environment: Mapping[str, str],
        folder: Path,
    ) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._said = b""
        line = [str(word) for word in words]
        environment = {**environment, "TERM": "xterm-256color"}
        self._process = subprocess.Popen(
            line, env=environment, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        )
        os.close(theirs)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                chunk = os.read(self._ours, 1 << 16)
            except OSError:  # how Linux says that nobody has the other end any more
                return
            self._said += chunk

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    @property
    def raw(self) -> str:
        """All that it wrote, as it came."""
        return self._said.decode(errors="replace")

    @property
    def output(self) -> str:
        """All that it wrote, without colours and movements."""
        return _plain(self._said.decode(errors="replace"))

    @property
    def screen(self) -> str:
        """What it wrote since it last erased a line: the last state of a table that is drawn anew all the time."""
        return _plain(self._said.decode(errors="replace").rpartition(_ERASED)[2])

    def wait(self, *, seconds: float = 240) -> int:
        """Its exit status, once all that it wrote is here."""
        try:
            status = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"no end within {seconds:g} s: {self.output}") from None
        self._reader.join(60)
        return status

    def interrupt(self) -> None:
        """Ctrl-C."""
        os.killpg(self._process.pid, signal.SIGINT)

    def close(self) -> None:
        """Nothing of it runs afterwards."""
        self._process.kill()
        self._process.wait()
        os.close(self._ours)


def _plain(text: str) -> str:
    return _CONTROL.sub("", text).replace("\r", "")
