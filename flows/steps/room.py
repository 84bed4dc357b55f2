"""What a flow writes itself waits for room on our own disk, and says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from prefect.logging import get_run_logger

from miyabi.errors import DiskFull
from miyabi.system import retried_blocking

T = TypeVar("T")


def with_room(call: Callable[[], T], *, patience_seconds: float) -> T:
    """Returns what the call returns; while our own disk is full it is made again, and the log says so once.

    Raises:
        DiskFull: it is full still when patience is over.
    """
    warned: list[DiskFull] = []

    def tell(error: DiskFull) -> None:
        if not warned:
            get_run_logger().warning("waits for room: %s", error)
        warned.append(error)

    return retried_blocking(call, patience_seconds=patience_seconds, on_wait=tell)
