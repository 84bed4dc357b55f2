"""One orchestrator a milestone and repository: two would take the same issues."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from miyabi.errors import MilestoneBusy


@contextmanager
def milestone_lock(repository: Path, number: int) -> Iterator[None]:
    """Held while a milestone is worked on; the kernel gives it back however that ends.

    Raises:
        MilestoneBusy: another orchestrator holds it; says which process.
    """
    file = repository / ".miyabi" / "runs" / f".milestone-{number}.lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+", encoding="utf-8") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held.seek(0)
            raise MilestoneBusy(
                f"milestone {number} is being worked on by pid {held.read().strip() or '?'}: nothing is started."
            ) from None
        held.truncate(0)
        held.write(f"{os.getpid()}\n")
        held.flush()
        yield
