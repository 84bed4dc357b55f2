"""The `miyabi` command in a process of its own that begins at once: it is forked off one that has imported everything.

A trial has several commands, and the two seconds that each would import for are most of what a trial may take.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["flows.run_dag", "flows.cli.orchestrate", "flows.cli.sweep", "flows.open_pull_request"])


class ForkedCommand:
    """As `tests.support.cli.process.Command`: a process group of its own, what it prints goes to a file."""

    def __init__(self, words: Sequence[str | Path], *, environment: Mapping[str, str], folder: Path, log: Path) -> None:
        self._log = log
        log.touch()
        self._process = _FORKS.Process(
            target=_command, args=([str(word) for word in words], dict(environment), folder, log)
        )
        self._process.start()

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self._log.read_text(errors="replace")

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.is_alive()

    def runs_for(self, seconds: float) -> bool:
        """Waits until it ends, at most so long; whether it has not."""
        self._process.join(seconds)
        return self.runs

    def wait(self, *, seconds: float = 90) -> int:
        """Its exit status; AssertionError with its output when it does not end in time."""
        self._process.join(seconds)
        if self._process.exitcode is None:
            self.kill()
            raise AssertionError(f"no end within {seconds:g} s: {self.output}")
        return self._process.exitcode

    def interrupt(self) -> None:
        """Ctrl-C: SIGINT to the group, as a terminal sends it."""
        os.killpg(self._process.pid or 0, signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL to the process alone, as a crash; returns when it is gone."""
        self._process.kill()
        self._process.join()


def _command(words: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path) -> None:
    os.setpgid(0, 0)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    with log.open("ab") as file, Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    import prefect.context  # noqa: PLC0415 - there already, where it was forked

    from flows.__main__ import main  # noqa: PLC0415 - as above

    prefect.context.refresh_global_settings_context()
    try:
        main(words)
    finally:
        sys.stdout.flush()
        atexit._run_exitfuncs()  # a forked process runs none, and what is logged would be lost
