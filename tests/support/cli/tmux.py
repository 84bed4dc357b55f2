"""A terminal as a person has one: a window of tmux, in which keys are typed and a screen is read."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from tests.support.machines.processes import eventually


class Tmux:
    """A tmux server of its own with one window, in which a command runs; it ends with the context."""

    def __init__(self, words: Sequence[str | Path], *, environment: Mapping[str, str], folder: Path) -> None:
        self._own = Path(tempfile.mkdtemp(prefix="tmux-"))  # a socket's path has to be short
        self._status = self._own / "status"
        line = f"{shlex.join(map(str, words))}; echo $? >{self._status}; exec cat"
        variables = [f"{name}={value}" for name, value in environment.items()]
        size = ("-x", "110", "-y", "40", "-c", str(folder))
        self._tmux(
            "-f", "/dev/null", "new-session", "-d", *size, "env", "-i", *variables, "TERM=screen", "sh", "-c", line
        )

    def _tmux(self, *words: str) -> str:
        line = ["tmux", "-S", str(self._own / "socket"), *words]
        return subprocess.run(line, check=True, capture_output=True, text=True, timeout=60).stdout

    @property
    def screen(self) -> str:
        """What is to be seen, and what has gone up out of sight."""
        return self._tmux("capture-pane", "-p", "-J", "-S", "-")

    def type(self, text: str) -> None:
        """Types a line and Enter."""
        self._tmux("send-keys", "-l", text)
        self._tmux("send-keys", "Enter")

    def shows(self, text: str) -> None:
        """Waits until that is to be seen."""
        eventually(lambda: text in self.screen, why=lambda: self.screen)

    def wait(self) -> int:
        """Its exit status, once it has ended."""
        eventually(lambda: self._status.exists() and self._status.read_text().strip() != "", why=lambda: self.screen)
        return int(self._status.read_text())

    def vanish(self) -> None:
        """The window is closed, whatever runs in it."""
        self._tmux("kill-server")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        line = ["tmux", "-S", str(self._own / "socket"), "kill-server"]
        subprocess.run(line, check=False, capture_output=True, timeout=60)
        shutil.rmtree(self._own)
