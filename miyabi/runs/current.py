"""The run that a task belongs to, known where its code runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from miyabi.runs.run import Run

_CURRENT: ContextVar[Run] = ContextVar("miyabi_run")


def current_run() -> Run:
    """Returns the run that the calling task belongs to.

    Raises:
        LookupError: it is called outside of `use_run`.
    """
    return _CURRENT.get()


@contextmanager
def use_run(live: Run) -> Iterator[None]:
    """Makes `current_run` this run inside the context, also in the tasks submitted from here."""
    token = _CURRENT.set(live)
    try:
        yield
    finally:
        _CURRENT.reset(token)
