"""What a task run came to, for a flow that cannot go on without it."""

from __future__ import annotations

from typing import Any

from prefect.futures import PrefectFuture

from miyabi.errors import BadInput, MiyabiError


class NotDone(MiyabiError):  # noqa: N818 - no error of ours: the task has told it already
    """A task run did not complete; the message is its state's."""


def value_of(future: PrefectFuture[Any]) -> Any:
    """What the task returned, once it has ended.

    Raises:
        BadInput: what the user gave cannot be used.
        NotDone: it failed for another reason, or was cancelled.
    """
    future.wait()
    if future.state.name == "BadInput":
        raise BadInput(future.state.message)
    if not future.state.is_completed():
        raise NotDone(future.state.message or f"the task ended as {future.state.name}")
    return future.result()
