"""How far a run's integration is, shown where the run itself was: in its status file."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from miyabi.runs import Board, RunFolder, Snapshot, TaskProgress
from miyabi.sessions import is_resolving
from miyabi.system import files


class IntegrationProgress:
    """Says what is done at the moment. Silent where the run is not over, so that its own status stands."""

    def __init__(self, folder: RunFolder) -> None:
        self._file = folder.status_file
        self._over = _read(folder) if folder.info().ended else None

    def say(self, note: str, *, rows: Sequence[TaskProgress] = ()) -> None:
        """Shows what is done, and the sessions that do it; nothing at the end.

        That the file cannot be written is no error.
        """
        if self._over:
            now = self._over.model_copy(update={"note": note, "rows": (*self._over.rows, *rows)})
            with suppress(OSError):  # that it cannot be shown harms nothing
                files.atomic_write(self._file, now.model_dump_json() + "\n")


def _read(folder: RunFolder) -> Snapshot | None:
    """The run's own tasks, without what an integration that was killed has left there."""
    found = Board.read(folder.status_file)
    if found is None:
        return None
    rows = tuple(row for row in found.rows if not is_resolving(row.task))
    return found.model_copy(update={"note": "", "rows": rows})
