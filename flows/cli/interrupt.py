"""Ctrl-C: a flow that a person started, shown while it runs, interrupted once or twice, left when its server is gone.

That its sessions are stopped and their work is collected is the flow's own doing: `flows/steps/run.py`.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import click

from flows.cli.exit_code import ExitCode
from flows.cli.live_table import Find, watch
from miyabi.errors import ServerError
from miyabi.settings import Settings

_INTERRUPTED = (
    "interrupted: the sessions are stopped and their work is collected. Ctrl-C again leaves at once; "
    "the machines end the sessions all the same"
)


class InterruptibleFlow:
    """One flow run of this process. `find` names the run to show; the settings say how long it may take."""

    def __init__(self, find: Find, *, settings: Settings | None = None) -> None:
        self._find, self._settings = find, settings
        self.is_interrupted = False
        self._is_server_gone = False
        self._say: Callable[[str], None] = partial(click.echo, err=True)

    def run(self, flow: Callable[[], Any]) -> Any:
        """Runs the flow and returns its last state; None where it was interrupted, or the server is gone."""
        from httpx import HTTPError  # noqa: PLC0415 - Prefect has it by now; it takes its time

        before = signal.signal(signal.SIGINT, self._interrupt)
        try:
            with watch(self._find, settings=self._settings) as self._say:
                return flow()
        except KeyboardInterrupt:
            self.is_interrupted = True
        except (ServerError, HTTPError) as error:
            self._is_server_gone = True
            if not self.is_interrupted:
                click.echo(f"miyabi: {_gone(error)}", err=True)
        finally:  # what is left to do is short, and a traceback of it would help nobody
            signal.signal(signal.SIGINT, signal.SIG_IGN if self.is_interrupted else before)
        return None

    def leave(self, code: ExitCode) -> ExitCode:
        """Returns the exit code; without a server ends the process with it: Prefect would ask for minutes more."""
        if self._is_server_gone:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        return code

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if not self.is_interrupted:
            self._say(f"miyabi: {_INTERRUPTED}")
        self.is_interrupted = True
        signal.default_int_handler(number, frame)


def _gone(error: BaseException) -> str:
    while error.__context__ and not isinstance(error, ServerError):  # Prefect fails to report ours to the server
        error = error.__context__
    said = str(error) if isinstance(error, ServerError) else f"The Prefect server does not answer ({error})."
    return f"{said} The run's folder has everything."
