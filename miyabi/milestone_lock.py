"""One orchestrator a milestone and repository: two would take the same issues."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from miyabi import file_lock
from miyabi.errors import MilestoneBusy


@contextmanager
def milestone_lock(repository: Path, number: int) -> Iterator[None]:
    """Held while a milestone is worked on; the kernel gives it back however that ends.

    Raises:
        MilestoneBusy: another orchestrator holds it; says which process.
    """
    file = repository / ".miyabi" / "runs" / f".milestone-{number}.lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file_lock.held(file, busy=lambda pid: _busy(number, pid)):
        yield


def _busy(number: int, pid: str) -> MilestoneBusy:
    return MilestoneBusy(f"milestone {number} is being worked on by pid {pid}: nothing is started.")
