"""What the orchestrator keeps of a run, below `<repository>/.miyabi/runs/<run>/`. Every name is made here.

Nobody but the owner may read it: sessions say what they find.
"""

from __future__ import annotations

import shutil
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

from pydantic import BaseModel

from miyabi.dag import Dag
from miyabi.errors import BadInput
from miyabi.runs.attempt_record import AttemptRecord
from miyabi.runs.info import Kept, RunInfo
from miyabi.runs.json_file import read_json
from miyabi.runs.names import REHEARSAL_PREFIX, is_run_name, valid_run_name
from miyabi.sessions import SessionPaths, SessionResult, own_levels
from miyabi.system import files, private_files
from miyabi.text import as_printed, last_lines, redact

CHECK_LOG = "check.log"
_CHECK_LINES, _CHECK_BYTES = 100, 16384
_IGNORED = ".gitignore"
_BEFORE_INFO = frozenset({"lock", "dag.json", "milestone.json", "hand_over.json", "pull_request.json"})
"""What a folder may hold whose run has not begun: who died there has started nothing."""
_RESULT_ADVICE = "Remove the file to do without it: that attempt counts as not over then, and its cost is forgotten."
_Value = TypeVar("_Value", bound=BaseModel)
_Kept = TypeVar("_Kept", bound=Kept)


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of one run. Nothing is made before `create`."""

    repository: Path
    run: str

    @classmethod
    def all(cls, repository: Path) -> tuple[Self, ...]:
        """Lists every run that the repository knows, by name: rehearsals among the others."""
        entries = _runs(repository).glob("*/run.json")
        folders = [cls(repository, path.parent.name) for path in entries if is_run_name(path.parent.name)]
        return tuple(sorted(folders, key=lambda f: (f.run.removeprefix(REHEARSAL_PREFIX), f.run)))

    @classmethod
    def by_start(cls, repository: Path) -> tuple[Self, ...]:
        """Lists the same, the latest start last; the first are those whose start cannot be read."""
        return tuple(sorted(cls.all(repository), key=_start_seconds))

    @classmethod
    def find(cls, repository: Path, run: str) -> Self:
        """Finds the folder of a run that exists.

        Raises:
            BadInput: there is none of that name; says which there are.
        """
        folder = cls(repository, valid_run_name(run))
        if not folder.info_file.exists():
            raise folder.unknown()
        return folder

    def unknown(self) -> BadInput:
        """Makes the error for a run that is not there: says which there are, or that only its run.json is missing."""
        if self.lacks_info:
            return BadInput(
                f"{self.info_file}: no such file, but the folder holds more of a run: without it run {self.run} can "
                f"neither go on nor begin anew. Put it back, or choose another run name. To give the run up: "
                f"miyabi sweep {self.run} --yes, then remove its folder."
            )
        known = ", ".join(f.run for f in self.by_start(self.repository)[-5:]) or "none yet"
        return BadInput(f"run {self.run}: not found below {_runs(self.repository)}. The latest runs: {known}.")

    @property
    def lacks_info(self) -> bool:
        """Whether the folder holds of a run what comes after its run.json, and not that file."""
        if self.info_file.exists() or not self.path.is_dir():
            return False
        return any(e.name not in _BEFORE_INFO and not e.name.startswith(".") for e in self.path.iterdir())

    @property
    def path(self) -> Path:
        """The folder itself."""
        return _runs(self.repository) / self.run

    @property
    def dag_file(self) -> Path:
        """The DAG as it was run."""
        return self.path / "dag.json"

    @property
    def info_file(self) -> Path:
        """What the run was started with: `RunInfo`."""
        return self.path / "run.json"

    @property
    def status_file(self) -> Path:
        """How far the run is: `progress.Snapshot`."""
        return self.path / "status.json"

    @property
    def report_file(self) -> Path:
        """The report to read."""
        return self.path / "report.md"

    @property
    def report_page_file(self) -> Path:
        """The report for a browser, with what each session did."""
        return self.path / "report.html"

    @property
    def report_values_file(self) -> Path:
        """The report as values: `Report`."""
        return self.path / "report.json"

    @property
    def lock_file(self) -> Path:
        """Held by the orchestrator that works on the run; has its process id."""
        return self.path / "lock"

    @property
    def leases_file(self) -> Path:
        """The slots that the orchestrator has leased of Prefect, in case it is killed."""
        return self.path / "leases"

    def ahead_file(self, task: str) -> Path:
        """Returns where it is noted that a task's checkout was set up ahead; it stays when that is over."""
        return self.path / "ahead" / f"{task}.json"

    @property
    def integration_leases_file(self) -> Path:
        """The same for the sessions that resolve conflicts."""
        return self.path / "integration-leases"

    def tasks(self) -> frozenset[str]:
        """Returns the ids of the run's tasks, and those of the sessions that resolve conflicts.

        Raises:
            BadInput: the run's DAG is missing or damaged.
        """
        return frozenset((*Dag.load(self.dag_file).by_id, *(path.name for path in self.path.glob("sessions/*"))))

    def require_task(self, task: str) -> None:
        """Checks that the run has that task.

        Raises:
            BadInput: it has none of that id; says which there are.
        """
        if task not in (known := self.tasks()):
            raise BadInput(f"run {self.run}: there is no task {task!r}. Its tasks: {', '.join(sorted(known))}.")

    def attempt(self, task: str, attempt: int = 1) -> Path:
        """Returns the folder of one attempt: stdout.jsonl, stderr.txt, check.log, result.json."""
        return SessionPaths(run=self.run, task=task, attempt=attempt).folder(self.path)

    def attempts(self, task: str) -> dict[int, Path]:
        """Finds the folders of a task's attempts that were begun.

        Returns:
            The folder by the attempt's number, in no order.
        """
        folders = self.attempt(task).parent.glob("attempt-*")
        numbers = {folder: folder.name.removeprefix("attempt-") for folder in folders}
        return {int(number): folder for folder, number in numbers.items() if number.isdecimal()}

    def create(self) -> Self:
        """Makes the folder, which git ignores.

        Raises:
            BadInput: it cannot be made there.
        """
        make_folder_of_runs(self.repository, self.run)
        return self

    def discard_unless_used(self) -> None:
        """Removes the folder of a run that came to nothing before its first session, and what held nothing else."""
        if (self.path / "sessions").exists():
            return
        shutil.rmtree(self.path, ignore_errors=True)
        runs = _runs(self.repository)
        with suppress(OSError):  # other runs are there, or a configuration
            if [entry.name for entry in runs.iterdir()] == [_IGNORED]:
                (runs / _IGNORED).unlink()
                runs.rmdir()
                runs.parent.rmdir()

    def write_info(self, info: RunInfo) -> None:
        """Writes what the run was started with.

        Raises:
            DiskFull: there is no room for it.
        """
        files.atomic_write(self.info_file, info.model_dump_json(indent=2) + "\n")

    def info(self) -> RunInfo:
        """Reads what the run was started with.

        Raises:
            BadInput: run.json is missing or damaged.
        """
        return _read(
            self.info_file,
            RunInfo,
            advice=f"Nothing else says what the run was started with, and without the file it cannot go on: put a copy "
            f"back, or begin another run. What this one made on machines goes with: miyabi sweep {self.run} --yes",
        )

    def keep(self, value: Kept) -> None:
        """Writes what became of the run: one value of each kind.

        Raises:
            DiskFull: there is no room for it.
        """
        files.atomic_write(self.path / value.file_name, value.model_dump_json(indent=2) + "\n")

    def discard(self, kind: type[Kept]) -> None:
        """Removes the value of that kind, where there is one."""
        (self.path / kind.file_name).unlink(missing_ok=True)

    def load(self, kind: type[_Kept]) -> _Kept | None:
        """Reads the value of that kind, None where there is none yet.

        Raises:
            BadInput: its file is damaged.
        """
        file = self.path / kind.file_name
        return _read(file, kind, advice=kind.if_damaged) if file.exists() else None

    def write_result(self, result: SessionResult) -> None:
        """Writes the result of an attempt.

        Raises:
            DiskFull: there is no room for it.
        """
        folder = self.attempt(result.task, result.attempt)
        private_files.make_folder(folder, levels=own_levels(folder))
        files.atomic_write(folder / "result.json", result.model_dump_json(indent=2) + "\n")

    def check_lines(self, result: SessionResult) -> str:
        """Reads the last 100 lines of what the check of an attempt printed, without secrets; nothing of nothing."""
        file = self.attempt(result.task, result.attempt) / CHECK_LOG
        text = file.read_bytes().decode(errors="replace") if file.exists() else ""
        return last_lines(redact(as_printed(text)), lines=_CHECK_LINES, size=_CHECK_BYTES)

    def results(self, task: str | None = None) -> tuple[SessionResult, ...]:
        """Reads the results of all attempts of all tasks, or of one, by task and attempt.

        Raises:
            BadInput: a result.json is damaged.
        """
        files = self.path.glob(f"sessions/{task or '*'}/attempt-*/result.json")
        results = (_read(file, SessionResult, advice=_RESULT_ADVICE) for file in files)
        return tuple(sorted(results, key=lambda r: (r.task, r.attempt)))

    def latest_results(self) -> dict[str, SessionResult]:
        """Reads the result of each task's last attempt.

        Returns:
            The result by the task's id.

        Raises:
            BadInput: a result.json is damaged.
        """
        return {result.task: result for result in self.results()}

    def require_readable(self, *kinds: type[Kept]) -> None:
        """Checks that nothing is damaged of what going on with the run reads, or in the way of what it writes.

        Raises:
            BadInput: something is; names it, and what to do.
        """
        self.results()
        for kind in kinds:
            self.load(kind)
        for attempt in sorted(self.path.glob("sessions/*/attempt-*")):
            AttemptRecord.require_readable(attempt)
        files = (self.lock_file, self.status_file, self.report_file, self.report_page_file, self.report_values_file)
        for file in files:
            if file.is_dir():
                raise BadInput(f"{file}: is a folder, and has to be a file. Remove it: the run writes it anew.")

    @property
    def is_being_worked_on(self) -> bool:
        """Whether an orchestrator holds the lock at the moment."""
        return files.is_locked(self.lock_file)

    @property
    def holder(self) -> int | None:
        """The process that holds the lock, or was the last to hold it; None where that is not known."""
        with suppress(OSError, ValueError):
            return int(self.lock_file.read_text())
        return None

    def require_rest(self) -> None:
        """Checks that no orchestrator works on the run.

        Raises:
            BadInput: one does; says how to end it.
        """
        if self.is_being_worked_on:
            raise BadInput(
                f"run {self.run} is being worked on by pid {self.holder or '?'}. "
                f"Wait for it, or end it: miyabi stop {self.run}"
            )

    def lock(self) -> AbstractContextManager[None]:
        """Holds the run for the orchestrator that works on it; the kernel gives it back however that one ends.

        Raises:
            BadInput: another orchestrator holds it; says which process.
        """
        return files.locked(self.lock_file, busy=lambda pid: self._busy(f"is being worked on by pid {pid}"))

    def integration_lock(self) -> AbstractContextManager[None]:
        """Holds the run while its branches are merged, by whoever works on the run or alone.

        Raises:
            BadInput: another process holds it; says which.
        """
        file = self.path / "integration.lock"
        return files.locked(file, busy=lambda pid: self._busy(f"is being integrated by pid {pid}"))

    def stop_lock(self) -> AbstractContextManager[None]:
        """Holds the run for the one that ends all of it; waits for another that does."""
        return files.locked(self.path / "stop.lock")

    def _busy(self, found: str) -> BadInput:
        return BadInput(f"run {self.run} {found}. Wait for it, end it, or start another run.")


def make_folder_of_runs(repository: Path, run: str = "") -> Path:
    """Makes the folder of all runs, or of one, which git ignores.

    Raises:
        BadInput: it cannot be made there.
    """
    folder = _runs(repository) / run
    try:
        if run:
            private_files.make_folder(folder)
        folder.mkdir(parents=True, exist_ok=True)
        files.atomic_write(_runs(repository) / _IGNORED, "*\n")
    except OSError as error:
        raise BadInput(f"{folder}: cannot be made: {error.strerror}. Is the repository writable?") from error
    return folder


def _runs(repository: Path) -> Path:
    return repository / ".miyabi" / "runs"


def _start_seconds(folder: RunFolder) -> float:
    """When the run was started, epoch seconds; 0 where that cannot be read."""
    with suppress(BadInput):
        return folder.info().started.timestamp()
    return 0.0


def _read(path: Path, kind: type[_Value], *, advice: str) -> _Value:
    try:
        return read_json(path, kind, advice=advice)
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file. Is the run's folder complete?") from None
