"""What must be known of an attempt that has begun, should the orchestrator die before it ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from miyabi import atomic
from miyabi.session import Outcome, SessionResult

_FILE = "attempt.json"
_RESULT = "result.json"


class AttemptRecord(BaseModel):
    """Where an attempt was started, and when."""

    model_config = ConfigDict(frozen=True)

    machine: str
    start: datetime
    base: str
    resumes: str | None = None

    @classmethod
    def pending(cls, folder: Path) -> Self | None:
        """The record of an attempt that was begun and is not over or not home yet; None where there is none to join."""
        if _is_home(folder / _RESULT):
            return None
        try:
            return cls.model_validate_json((folder / _FILE).read_bytes())
        except (OSError, ValidationError):
            return None

    def keep(self, folder: Path) -> None:
        """Writes the record, before anything is started; that it was skipped once counts no longer."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _RESULT).unlink(missing_ok=True)
        atomic.write_text(folder / _FILE, self.model_dump_json() + "\n")

    @staticmethod
    def forget(folder: Path) -> None:
        """There is nothing to join after all."""
        (folder / _FILE).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuation:
    """Where a task that was cut short goes on, and in which conversation; None begins a new one."""

    machine: str
    conversation: str | None

    @classmethod
    def of(cls, pending: AttemptRecord | None, last: SessionResult | None) -> Self | None:
        """The attempt that nobody saw to its end, else the last one where it was stopped; None where neither is."""
        if pending:
            return cls(machine=pending.machine, conversation=pending.resumes)
        if last and last.outcome is Outcome.STOPPED and last.machine:
            return cls(machine=last.machine, conversation=last.session_id)
        return None


def _is_home(file: Path) -> bool:
    try:
        return SessionResult.model_validate_json(file.read_bytes()).outcome is not Outcome.NOT_COLLECTED
    except FileNotFoundError:
        return False
    except (OSError, ValidationError):
        return True
