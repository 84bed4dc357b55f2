"""Which leases a run holds, in a file: so that the next process can give back what a killed one could not."""

from __future__ import annotations

import contextlib
from pathlib import Path
from uuid import UUID

from miyabi.system import files


class Ledger:
    """The ids of leases, a line each. Without a path, and on a disk that takes no more, nothing is noted."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._ids: dict[UUID, None] = {}

    def left(self) -> tuple[UUID, ...]:
        """What another process noted and did not strike out."""
        with contextlib.suppress(OSError, ValueError):
            return tuple(map(UUID, self._path.read_text(encoding="ascii").split())) if self._path else ()
        return ()

    def note(self, lease: UUID | None) -> None:
        """It is held from now on."""
        if lease:
            self._ids[lease] = None
            self._write()

    def strike(self, lease: UUID | None) -> None:
        """It is held no longer."""
        if lease in self._ids:
            del self._ids[lease]
            self._write()

    def _write(self) -> None:
        with contextlib.suppress(OSError):
            if self._path:
                files.write_text(self._path, "".join(f"{lease}\n" for lease in self._ids))
