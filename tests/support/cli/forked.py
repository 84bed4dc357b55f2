"""A flow in a process of its own, which begins at once: it is forked off one that has imported everything.

pressed = Forked("flows.tend_pull_requests:tend_pull_requests", repository=folder, environment={...}, log=file)
pressed.kill()  # SIGKILL, as a crash
"""

from __future__ import annotations

import multiprocessing
import os
import pkgutil
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["flows.tend_pull_requests"])


class Forked:
    """A press of a flow, named as `module:function`, in a process of its own; what it prints goes to a file."""

    def __init__(self, flow: str, *, repository: Path, environment: Mapping[str, str], log: Path) -> None:
        self._log, self._joining = log, threading.Lock()
        self._process = _FORKS.Process(target=_press, args=(flow, repository, dict(environment), log))
        self._process.start()

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def kill(self) -> None:
        """SIGKILL to the process alone; returns when it is gone."""
        self._process.kill()
        self.wait()

    def wait(self, *, seconds: float = 240) -> int | None:
        """Its exit status, 0 where the flow completed, -9 where it was killed; None where it has not ended in time."""
        with self._joining:  # of two threads that join it at once, one would take the exit status away from the other
            self._process.join(seconds)
            return self._process.exitcode


def _press(flow: str, repository: Path, environment: Mapping[str, str], log: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    with log.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    import prefect.context  # noqa: PLC0415 - there already, but where a test only looks at this file

    prefect.context.refresh_global_settings_context()
    state = pkgutil.resolve_name(flow)(repository=repository, return_state=True)
    print(state.name, state.message, flush=True)
    sys.exit(0 if state.is_completed() else 1)
