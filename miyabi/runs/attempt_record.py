"""What must be known of an attempt that has begun, should the orchestrator die before it ends."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from miyabi.errors import MachineError
from miyabi.machines import Machine
from miyabi.runs.json_file import read_json
from miyabi.sessions import Outcome, SessionResult, SessionSpec, own_levels
from miyabi.system import files, private_files

_FILE = "attempt.json"
_RESULT = "result.json"


class AttemptRecord(BaseModel):
    """Where an attempt was started, and when.

    `by_hand`: a person goes on with the conversation that it resumes, in a terminal. `is_stopped`: a person asked for
    its end, and it is not taken up again before somebody asks for that.
    """

    model_config = ConfigDict(frozen=True)

    machine: str
    host: str | None = None
    workspace: str = ""
    start: datetime
    base: str
    resumes: str | None = None
    by_hand: bool = False
    is_stopped: bool = False
    fix_ups: int = 0
    account: str | None = None

    @classmethod
    def of(cls, machine: Machine, spec: SessionSpec, *, start: datetime, by_hand: bool = False) -> Self:
        """Makes the record of an attempt that begins."""
        there = {"machine": machine.name, "host": machine.host, "workspace": machine.workspace}
        begun = {"base": spec.base, "resumes": spec.resumes, "fix_ups": spec.fix_ups}
        return cls(**there, **begun, start=start, account=spec.account or machine.logins[0], by_hand=by_hand)

    @classmethod
    def pending(cls, folder: Path) -> Self | None:
        """Reads the record of an attempt that is not over or not collected yet; None where there is none to join.

        One whose result cannot be read counts as not collected.
        """
        return None if _is_collected(folder / _RESULT) else cls.known(folder)

    @classmethod
    def has_been_at(cls, machine: Machine, folder: Path) -> bool:
        """Returns whether the attempt, over or not, was begun on that machine."""
        record = cls.known(folder)
        return record is not None and record.machine == machine.name

    @classmethod
    def is_left_at(cls, machine: Machine, folder: Path) -> bool:
        """Returns whether the attempt may still be alive on that machine."""
        record = cls.pending(folder)
        return record is not None and record.machine == machine.name

    @classmethod
    def known(cls, folder: Path) -> Self | None:
        """Reads the record of an attempt, over or not; None where there is none, or it is damaged."""
        try:
            return cls.model_validate_json((folder / _FILE).read_bytes())
        except (OSError, ValidationError):
            return None

    @classmethod
    def unreadable(cls, folder: Path) -> Path | None:
        """Finds the file for which it is not known whether an attempt was collected, or where it was begun; or None."""
        record, result = folder / _FILE, folder / _RESULT
        if not record.exists() or _is_collected(result):
            return None
        if cls.known(folder) is None:
            return record
        return result if result.exists() and _result(result) is None else None

    @classmethod
    def require_readable(cls, folder: Path) -> None:
        """Checks that it is known where an attempt was begun that may be alive, or whose work is not collected.

        Raises:
            BadInput: the record is damaged; says what to do.
        """
        file = folder / _FILE
        if cls.unreadable(folder) == file:
            advice = "Nothing else says where it was begun. Remove the file to begin it anew: its work may be lost."
            read_json(file, cls, advice=advice)

    def is_at(self, machine: Machine) -> bool:
        """Returns whether the machine of that name is where it was then."""
        return not self.workspace or (self.host, self.workspace) == (machine.host, machine.workspace)

    def completed(self, result: SessionResult) -> SessionResult:
        """Adds to an attempt's result what only the record says: where a person made it, it counts as stopped.

        Whether the task is done is decided by the session that goes on from there.
        """
        if not self.by_hand:
            return result
        advice = f"miyabi retry {result.run} {result.task} goes on from there"
        return result.model_copy(
            update={
                "outcome": Outcome.STOPPED,
                "error_kind": "by_hand",
                "error_text": f"a person went on with the conversation by hand; {advice}",
                "session_id": self.resumes,
                "by_hand": True,
            }
        )

    def machine_among(self, machines: Mapping[str, Machine], *, run: str) -> Machine:
        """Finds the machine that has the attempt, among those of the run, by name.

        Raises:
            MachineError: it takes no part in the run now, or is somewhere else; says what to do.
        """
        if (machine := machines.get(self.machine)) is None:
            raise MachineError(self.not_in_fleet_sentence(run=run))
        if not self.is_at(machine):
            raise MachineError(self.moved(machine))
        return machine

    def not_in_fleet_sentence(self, *, run: str) -> str:
        """Says that the machine takes no part in the run any more, and what to do."""
        return (
            f"it was begun on {self.machine}, which takes no part now, and may still run there. Bring that machine "
            f"back with the same name and workspace, then: miyabi orchestrate --run {run}"
        )

    def moved(self, machine: Machine) -> str:
        """Says that the machine is somewhere else now: a sentence."""
        then, now = (f"workspace {w} on {h or 'this machine'}" for h, w in _where(self, machine))
        return f"{machine.name}: it was begun in {then} and may still run there; the configuration now says {now}."

    def keep(self, folder: Path) -> None:
        """Writes the record, before anything is started; that it was skipped once counts no longer.

        Raises:
            DiskFull: there is no room for it.
        """
        private_files.make_folder(folder, levels=own_levels(folder))
        (folder / _RESULT).unlink(missing_ok=True)
        files.atomic_write(folder / _FILE, self.model_dump_json() + "\n")

    @classmethod
    def note_stop(cls, folder: Path) -> None:
        """Notes that a person asks for the end of the attempt.

        Raises:
            DiskFull: there is no room for it.
        """
        if record := cls.known(folder):
            files.atomic_write(folder / _FILE, record.model_copy(update={"is_stopped": True}).model_dump_json() + "\n")

    @staticmethod
    def forget(folder: Path) -> None:
        """Removes the record: there is nothing to join after all."""
        (folder / _FILE).unlink(missing_ok=True)


def _where(record: AttemptRecord, machine: Machine) -> tuple[tuple[str | None, str], ...]:
    return (record.host, record.workspace), (machine.host, machine.workspace)


def _is_collected(file: Path) -> bool:
    result = _result(file)
    return result is not None and result.is_collected


def _result(file: Path) -> SessionResult | None:
    """None where there is none, or it cannot be read: then nothing is known of the work."""
    try:
        return SessionResult.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None
