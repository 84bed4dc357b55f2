"""A command as a user runs it: in a process group of its own, its output in a file."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

TRUST = {"SSL_CERT_FILE": str(Path(__file__).with_name("authorities.pem"))}
"""In place of the web's authorities one that has signed nothing: no test speaks TLS, and reading those takes a tenth of
a command's time, once for each HTTP client."""


class Command:
    """A command that runs in a process group of its own; what it prints goes to a file."""

    def __init__(self, words: Sequence[str | Path], *, environment: Mapping[str, str], folder: Path, log: Path) -> None:
        self._log = log
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                [str(word) for word in words],
                env=TRUST | dict(environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                process_group=0,
            )

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self._log.read_text(errors="replace")

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    @property
    def children(self) -> set[int]:
        """The processes that it has started itself and that have not ended."""
        line = ["pgrep", "-P", str(self._process.pid)]
        return {int(pid) for pid in subprocess.run(line, check=False, capture_output=True, text=True).stdout.split()}

    def wait(self, *, seconds: float = 240) -> int:
        """Its exit status; AssertionError with its output when it does not end in time."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"no end within {seconds:g} s: {self.output}") from None

    def succeeds(self, *, seconds: float = 240) -> str:
        """What it printed, once it has ended with exit status 0."""
        status = self.wait(seconds=seconds)
        assert status == 0, f"exit status {status}: {self.output}"
        return self.output

    def interrupt(self) -> None:
        """Ctrl-C: SIGINT to the group, as a terminal sends it."""
        os.killpg(self._process.pid, signal.SIGINT)

    def terminate(self) -> None:
        """SIGTERM to the process alone, as a worker sends it."""
        self._process.terminate()

    def send(self, number: signal.Signals) -> None:
        """A signal to the process alone."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL to the process alone, as a crash."""
        self._process.kill()
        self._process.wait()
