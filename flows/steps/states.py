"""The last states of our flows: each outcome that we know has its own, and no traceback of Prefect's beside it."""

from __future__ import annotations

import logging
from typing import Any

from prefect.client.schemas.objects import State
from prefect.exceptions import CancelledRun, FailedRun
from prefect.logging import get_run_logger
from prefect.logging.loggers import get_logger
from prefect.states import Cancelled, Completed, Failed

from flows.steps.results import NotDone, RunCancelled, TaskBadInput
from miyabi.errors import BadInput, Busy, MiyabiError, ServerAway
from miyabi.integration import Integration
from miyabi.reports import Report, went_partly, went_well
from tasks.runner import BAD_INPUT, PARTIAL, SKIPPED


class _KnownOutcomes(logging.Filter):
    """Drops the traceback that Prefect logs where a process runs a flow that returned one of these states."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not (isinstance(error, (FailedRun, CancelledRun)) and str(error) in self.messages)


_known = _KnownOutcomes()


def failed(message: str, *, name: str = "Failed") -> State[Any]:
    """Makes a failed state whose message says all."""
    _expect(message)
    return Failed(name=name, message=message)


def cancelled(message: str) -> State[Any]:
    """Makes a cancelled state: somebody ended the flow run; the message says how to go on."""
    _expect(message)
    return Cancelled(message=message)


def state_of_run(message: str, *, report: Report, integration: Integration | None) -> State[Any]:
    """Makes the state of a run: completed, completed as Partial, or failed where none of its work can be used."""
    if went_well(report, integration):
        return Completed(message=message)
    return Completed(name=PARTIAL, message=message) if went_partly(report, integration) else failed(message)


def state_of(error: MiyabiError) -> State[Any]:
    """Makes the last state of a flow that cannot go on, and logs the error where nobody has yet.

    Raises:
        ServerAway: it is that; nobody is there to take a state.
    """
    if isinstance(error, ServerAway):
        raise error
    if isinstance(error, Busy):
        get_run_logger().info("%s", error)
        return Completed(name=SKIPPED, message=str(error))
    if isinstance(error, RunCancelled):
        return cancelled(str(error))
    if not isinstance(error, (NotDone, TaskBadInput)):
        get_run_logger().error("%s", error)
    return failed(error.in_full, name=BAD_INPUT) if isinstance(error, BadInput) else failed(str(error))


def _expect(message: str) -> None:
    _known.messages.add(message)
    for name in ("flow_runs", "engine"):  # where a flow run's own process logs what the flow raised
        get_logger(name).addFilter(_known)
