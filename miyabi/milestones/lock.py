"""One orchestrator a milestone and repository: two would take the same issues."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from miyabi.errors import MilestoneBusy
from miyabi.runs import make_folder_of_runs
from miyabi.system import files


@contextmanager
def milestone_lock(repository: Path, number: int) -> Iterator[None]:
    """Holds a milestone while it is worked on; the kernel gives it back however that ends.

    Raises:
        BadInput: the repository is not writable.
        DiskFull: there is no room for the file of the lock.
        MilestoneBusy: another orchestrator holds it; says which process.
    """
    file = make_folder_of_runs(repository) / f".milestone-{number}.lock"
    with files.locked(file, busy=lambda pid: _busy(number, pid)):
        yield


def _busy(number: int, pid: str) -> MilestoneBusy:
    return MilestoneBusy(f"milestone {number} is being worked on by pid {pid}: nothing is started.")
