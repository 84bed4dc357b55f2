"""What a run has told people already: none of it is said twice, whoever goes on with the run."""

from __future__ import annotations

from contextlib import AbstractContextManager

from pydantic import Field

from miyabi.runs import Kept, RunFolder
from miyabi.system import files


class Notified(Kept):
    """The causes of the messages that a run has sent. Kept before one goes out: who dies meanwhile sends none twice."""

    file_name = "notified.json"
    if_damaged = "Remove the file to do without it: what was told is told once more."

    causes: tuple[str, ...] = Field((), description="In the order in which they came up")

    @classmethod
    def claim(cls, folder: RunFolder, cause: str) -> bool:
        """Notes the cause, and returns whether it was new.

        Raises:
            BadInput: the file is damaged.
            DiskFull: it cannot be written.
        """
        with _locked(folder):
            known = folder.load(cls) or cls()
            if cause in known.causes:
                return False
            folder.keep(cls(causes=(*known.causes, cause)))
            return True

    @classmethod
    def forget(cls, folder: RunFolder, cause: str) -> None:
        """Forgets the cause: when it comes up again, that is told again. May be repeated.

        Raises:
            BadInput: the file is damaged.
            DiskFull: it cannot be written.
        """
        with _locked(folder):
            known = folder.load(cls) or cls()
            if cause in known.causes:
                folder.keep(cls(causes=tuple(each for each in known.causes if each != cause)))


def _locked(folder: RunFolder) -> AbstractContextManager[None]:
    return files.locked(folder.path / "notified.lock")
