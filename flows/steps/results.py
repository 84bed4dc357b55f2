"""What a task run or a sub-flow came to, for a flow that cannot go on without it."""

from __future__ import annotations

from typing import Any

from prefect.futures import PrefectFuture

from miyabi.errors import BadInput, MiyabiError
from tasks.runner import BAD_INPUT


class NotDone(MiyabiError):  # noqa: N818 - no error of ours: the task has logged it already
    """A task run did not complete; the message is its state's."""


class RunCancelled(MiyabiError):  # noqa: N818 - no error: somebody decided so
    """Somebody ended the run."""


class TaskBadInput(BadInput):
    """What the user gave cannot be used; the task run or sub-flow that found it has told it already."""


def value_of(future: PrefectFuture[Any]) -> Any:
    """Waits until the task has ended, and returns what it returned.

    Raises:
        TaskBadInput: what the user gave cannot be used.
        NotDone: it failed for another reason, or was cancelled.
    """
    future.wait()
    if future.state.name == BAD_INPUT:
        raise TaskBadInput(future.state.message)
    if not future.state.is_completed():
        raise NotDone(future.state.message or f"the task ended as {future.state.name}")
    return future.result()
