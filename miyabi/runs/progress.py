"""How far a run is: a live board that tasks write to from any thread, and frozen pictures of it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from miyabi.sessions import Outcome, SessionResult, ending_words, size_of
from miyabi.system import files
from miyabi.text import clock as clock_text
from miyabi.text import count, dollars, in_words, time_of_day


class TaskState(StrEnum):
    """Where a task is on its way."""

    WAITING = "waiting"  # for its upstreams
    READY = "ready"  # for a slot, or for what `TaskProgress.waits_for` says
    PREPARING = "preparing"  # has a slot; its checkout is made
    RUNNING = "running"  # the session runs
    CHECKING = "checking"  # the session ended; its check runs
    COLLECTING = "collecting"  # its commits are collected
    DONE = "done"  # has an outcome


WORKING = (TaskState.PREPARING, TaskState.RUNNING, TaskState.CHECKING, TaskState.COLLECTING)


class TaskProgress(BaseModel):
    """Where one task is. Times are epoch seconds, cost is US dollars, `outcome` is set when it is done.

    `waits_for` is what must end before it goes on, e.g. the usage limit; it is not looked at before `waits_until`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    state: TaskState = TaskState.WAITING
    machine: str | None = None
    started: float | None = None
    ended: float | None = None
    turns: int = 0
    cost_usd: float = 0.0
    cost_is_partial: bool = False
    last_action: str = ""
    waits_for: str = ""
    waits_until: float = 0.0
    outcome: Outcome | None = None
    fix_ups: int = 0

    def waits(self, now: float) -> bool:
        """Returns whether it does nothing until a certain moment; `now` is epoch seconds."""
        return bool(self.waits_for) and now < self.waits_until

    def status(self, now: float) -> str:
        """Says its outcome or state, or what it waits for and until when; in plain words."""
        if self.waits(now):
            return f"waits for {self.waits_for} until {time_of_day(self.waits_until, now=now)}"
        return in_words(ending_words(self.outcome, self.fix_ups) if self.outcome else self.state)

    def elapsed_seconds(self, now: float) -> float:
        """Returns how long it works or worked, 0 where it has not begun."""
        return max(0.0, (self.ended or now) - self.started) if self.started else 0.0

    def elapsed(self, now: float) -> str:
        """Says the same as a clock shows it, nothing where it has not begun."""
        return clock_text(self.elapsed_seconds(now)) if self.started else ""


class Snapshot(BaseModel):
    """The board at one moment; rows in the order the board was given. `started` is epoch seconds.

    `note` is what is done beside the tasks, or after them; `budget` what is spent of the budgets, in words, and `quota`
    what is used of the accounts' limits; `beside_usd` what reviews of their work have cost.
    """

    model_config = ConfigDict(frozen=True)

    run: str
    rehearsal: bool = False
    started: float
    rows: tuple[TaskProgress, ...]
    note: str = ""
    budget: str = ""
    quota: str = ""
    beside_usd: float = 0.0

    @property
    def now(self) -> float:
        """The present moment, epoch seconds: what runs goes on between two snapshots."""
        return time.time()

    @property
    def states(self) -> Mapping[TaskState, int]:
        """How many tasks are in each state."""
        return Counter(row.state for row in self.rows)

    @property
    def outcomes(self) -> Mapping[Outcome, int]:
        """How many tasks ended with each outcome."""
        return Counter(row.outcome for row in self.rows if row.outcome)

    @property
    def done(self) -> int:
        """How many tasks are over, however they ended."""
        return self.states[TaskState.DONE]

    @property
    def working(self) -> tuple[TaskProgress, ...]:
        """The tasks that hold a slot, the longest-running first."""
        busy = [row for row in self.rows if row.state in WORKING]
        return tuple(sorted(busy, key=lambda row: (row.started or self.started, row.task)))

    @property
    def pausing(self) -> tuple[TaskProgress, ...]:
        """The tasks that do nothing until a certain moment, the first to go on first."""
        now = self.now
        return tuple(sorted((row for row in self.rows if row.waits(now)), key=lambda row: row.waits_until))

    @property
    def cost_usd(self) -> float:
        """What the run has cost so far, reviews too, rounded to a hundredth of a cent."""
        return round(sum(row.cost_usd for row in self.rows) + self.beside_usd, 4)

    @property
    def cost_is_partial(self) -> bool:
        """Whether it has cost at least that."""
        return any(row.cost_is_partial for row in self.rows)

    @property
    def counts(self) -> str:
        """How many succeeded, failed, were skipped, work, are ready and wait, and the cost so far; in plain words.

        Those that wait for a usage limit or the like stand apart, with the moment until which.
        """
        succeeded, skipped = self.outcomes[Outcome.SUCCEEDED], self.outcomes[Outcome.SKIPPED]
        numbers = {
            "succeeded": succeeded,
            "failed": self.done - succeeded - skipped,
            "skipped": skipped,
            "working": len(self.working),
            "ready": self.states[TaskState.READY] - len(self.pausing),
            "waiting": self.states[TaskState.WAITING],
        }
        said = [f"{number:,} {word}" for word, number in numbers.items() if number]
        cost = dollars(self.cost_usd, is_partial=self.cost_is_partial)
        return ", ".join([*said, *self._pauses, cost])

    @property
    def _pauses(self) -> list[str]:
        by_reason: dict[str, list[str]] = {}
        for row in self.pausing:
            by_reason.setdefault(row.waits_for, []).append(time_of_day(row.waits_until, now=self.now))
        return [_pause(reason, ends) for reason, ends in by_reason.items()]

    @property
    def sentence(self) -> str:
        """How far the run is, in one line of plain words."""
        kind = "rehearsal" if self.rehearsal else "run"
        return f"{kind} {self.run}: {self.done} of {count(len(self.rows), 'task')} done ({self.counts})"


def _pause(reason: str, ends: list[str]) -> str:
    """For how many tasks, and until when; `ends` in the order of time."""
    if len(ends) == 1:
        return f"1 waits for {reason} until {ends[0]}"
    until = f"until {ends[0]}" if len(set(ends)) == 1 else f"the first until {ends[0]}"
    return f"{len(ends):,} wait for {reason}, {until}"


class Board:
    """The live state of a run's tasks. Thread-safe. `note` is what is shown besides, for anybody to set.

    Args:
        run: name of the run.
        tasks: ids of its tasks, in the order to show them; every one waits.
        rehearsal: True where no real session runs.
        clock: gives the present moment, epoch seconds.
        whole: the board of the run beside whose tasks these are, which counts what they cost.
    """

    def __init__(
        self,
        *,
        run: str,
        tasks: Iterable[str],
        rehearsal: bool = False,
        clock: Callable[[], float] = time.time,
        whole: Board | None = None,
    ) -> None:
        self._lock, self._writing, self._clock = threading.Lock(), threading.Lock(), clock
        self._rows = {task: TaskProgress(task=task) for task in tasks}
        self._run, self._rehearsal, self._started = run, rehearsal, clock()
        self._written: Snapshot | None = None
        self._whole, self._beside_usd = whole, dict[str, float]()
        self.note = ""
        self._budget = self._quota = self._machines = ""

    @staticmethod
    def read(path: Path) -> Snapshot | None:
        """Reads the board as some process wrote it last, None where none has yet or the file is damaged.

        Who works on the run writes it anew.
        """
        try:
            return Snapshot.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            return None

    def update(self, task: str, *, state: str, **known: Any) -> None:
        """Puts a task into a state, with whatever else of `TaskProgress` is known now; None leaves a field as it is.

        It waits for nothing any more, unless `known` says so again. The task's time starts when it first holds a slot,
        and ends when it is done.

        Raises:
            KeyError: no such task on the board.
            ValidationError: a field that `TaskProgress` does not have, or a value that does not fit.
        """
        reached, now = TaskState(state), self._clock()
        with self._lock:
            before = self._rows[task]
            started = before.started or (now if reached in WORKING else None)
            ended = now if reached is TaskState.DONE else None
            news = {name: value for name, value in known.items() if value is not None}
            fields = {**before.model_dump(), "started": started, "ended": ended, "waits_for": ""}
            row = self._rows[task] = TaskProgress.model_validate(fields | news | {"state": reached})
        if self._whole:
            self._whole.note_beside(task, cost_usd=row.cost_usd)

    def note_beside(self, name: str, *, cost_usd: float) -> None:
        """Notes what one that is no task of the board has cost so far, such as a review."""
        with self._lock:
            self._beside_usd[name] = cost_usd

    def finish(self, result: SessionResult) -> None:
        """Puts a task to its end, with what its result says.

        Raises:
            KeyError: no such task on the board.
        """
        self.update(
            result.task,
            state=TaskState.DONE,
            outcome=result.outcome,
            fix_ups=result.fix_ups,
            machine=result.machine,
            started=result.start and result.start.timestamp(),
            ended=result.end and result.end.timestamp(),
            turns=result.turns,
            cost_usd=result.cost_usd,
            last_action=f"beside its branch: {size_of(result.strays)}" if result.strays else None,
            cost_is_partial=result.cost_is_partial,
        )

    def show_budget(self, words: str) -> None:
        """Shows what is spent of the budgets, in these words."""
        self._budget = words

    def show_machines(self, words: str) -> bool:
        """Shows which machines take nothing at present, in these words; returns whether they are other ones."""
        before, self._machines = self._machines, words
        return before != words

    def show_quota(self, words: str) -> None:
        """Shows what is used of the usage limits, in these words."""
        self._quota = words

    def close(self, results: Mapping[str, SessionResult]) -> None:
        """Ends every task that is not done: as its result says, and as skipped where it has none. The run is over."""
        for row in self.snapshot().rows:
            if row.state is not TaskState.DONE and (result := results.get(row.task)):
                self.finish(result)
            elif row.state is not TaskState.DONE:
                self.update(row.task, state=TaskState.DONE, outcome=Outcome.SKIPPED)

    def snapshot(self) -> Snapshot:
        """Returns the board as it is now."""
        with self._lock:
            rows, beside_usd = tuple(self._rows.values()), sum(self._beside_usd.values())
        shown = {"budget": self._budget, "quota": self._quota}
        known = {"run": self._run, "rehearsal": self._rehearsal, "started": self._started}
        note = " ".join(filter(None, (self.note, self._machines)))
        return Snapshot(**known, rows=rows, note=note, **shown, beside_usd=beside_usd)

    def write(self, path: Path) -> bool:
        """Writes the board to a file that is always whole; returns False where nothing has changed since the last time.

        Raises:
            OSError: the file cannot be written.
        """
        with self._writing:
            now = self.snapshot()
            if now == self._written:
                return False
            files.atomic_write(path, now.model_dump_json() + "\n")
            self._written = now
            return True
