"""What an earlier orchestrator of a run left, and so what this one has still to do, and where."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from miyabi.dag import Dag
from miyabi.errors import MachineError
from miyabi.machines import NAMED, Load, Machine, unplaceable
from miyabi.runs.attempt_record import AttemptRecord
from miyabi.runs.cordons import MOVES_ON, Cordons
from miyabi.runs.folder import RunFolder
from miyabi.sessions import Outcome, SessionResult, reviewing


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuation:
    """Where a task that was cut short goes on, and in which conversation; None begins a new one."""

    machine: str
    conversation: str | None

    @classmethod
    def of(cls, pending: AttemptRecord | None, last: SessionResult | None, *, is_due: bool = False) -> Self | None:
        """Goes on with the attempt that nobody saw to its end, else with the last one; or None.

        The last one goes on if it was stopped, or if it `is_due` that its failure goes back to its conversation or its
        work is reviewed.
        """
        if pending:
            return cls(machine=pending.machine, conversation=pending.resumes)
        if last and last.machine and (is_due or last.outcome is Outcome.STOPPED):
            return cls(machine=last.machine, conversation=last.conversation)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unplaced:
    """A task that no machine of the run can take: how it ends, and why; with the machine that may have it still."""

    task: str
    outcome: Outcome
    error: MachineError
    machine: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """What there is to go on with. Reads the run's folder, and what this orchestrator has done since.

    Args:
        dag: the tasks of the run.
        folder: that of the run.
        machines: those that take part, by name: the run's own, which may become fewer.
        results: the last result of each task: the run's own, which become more.
        ended: the tasks of which this orchestrator has a result: the run's own, which become more.
        retry: the only tasks to be tried again, with what waits for them; empty: all that did not succeed.
        is_due: whether the failure of a task's last attempt goes back to its conversation.
        origins: where a task's first attempt is to go on, by the task's id.
        cordons: the machines that somebody has taken out for a while: the run's own.
    """

    dag: Dag
    folder: RunFolder
    machines: Mapping[str, Machine]
    results: Mapping[str, SessionResult]
    ended: Collection[str] = ()
    retry: frozenset[str] = frozenset()
    is_due: Callable[[str], bool] = lambda _: False
    origins: Mapping[str, Continuation] = field(default_factory=dict)
    cordons: Cordons = field(default_factory=Cordons)

    def attempts(self, task: str) -> int:
        """Counts the attempts of a task that are over.

        One that was skipped, or whose work may be collected yet, is not.
        """
        last = self.results.get(task)
        undecided = {Outcome.SKIPPED, Outcome.NOT_COLLECTED}
        return last.attempt - (last.outcome in undecided or self._may_be_joined(last)) if last else 0

    def pending(self, task: str) -> AttemptRecord | None:
        """Reads the attempt that an earlier orchestrator began and did not see to its end; None where there is none."""
        return AttemptRecord.pending(self.folder.attempt(task, self.attempts(task) + 1))

    def continuation(self, task: str) -> Continuation | None:
        """Finds where an earlier orchestrator left a task, if that machine still takes part or has to be asked.

        Where it is cordoned and another may take the task, only a session that was begun there is gone on with.
        """
        begun, requires = self._left(task), self.dag.by_id[task].requires
        if (
            begun is None
            or self.pending(task)
            or not self.cordons.others(begun.machine, self.machines.values(), requires)
        ):
            return begun
        return None

    def _left(self, task: str) -> Continuation | None:
        last, pending = self.results.get(task), self.pending(task)
        if last is None and pending is None:
            origin = self.origins.get(task)
            return origin if origin and origin.machine in self.machines else None
        if last and (at := self._reviewing_machine(last)):
            return Continuation(machine=at, conversation=last.conversation)
        if last is None or last.machine not in self.machines:
            return Continuation.of(pending, None)
        if pending is None and last.error_kind in MOVES_ON and task in self.ended:
            return None  # its conversation is there, but another machine may go on sooner: whoever asks knows
        is_due = last.is_under_review or (self._may_be_mended(last) and task not in self.ended and self.is_due(task))
        return Continuation.of(pending, last, is_due=is_due)

    def is_done(self, task: str) -> bool:
        """Returns whether a task succeeded, its review is over, and nothing that it asked for is due."""
        last = self.results.get(task)
        if last is None or not last.succeeded or last.is_under_review:
            return False
        return not (self._may_be_mended(last) and self.is_due(task))

    def requires(self, task: str) -> tuple[str, ...]:
        """Returns the labels that a task's machine must have; what was begun somewhere goes on there."""
        begun = self.continuation(task)
        return (*self.dag.by_id[task].requires, *((f"{NAMED}{begun.machine}",) if begun else ()))

    def startable(self) -> tuple[tuple[str, ...], tuple[Unplaced, ...]]:
        """Finds the tasks that are to be done and can be, and those that no machine can take.

        What depends on one of the latter is neither.

        Returns:
            The ids of the former, each after its upstreams; and the latter, each with why.
        """
        fleet = [Load(machine=machine, used=0) for machine in self.machines.values()]
        startable, unplaced, blocked = list[str](), list[Unplaced](), self.left_alone()
        for task in self.dag.order:
            if self.is_done(task):
                continue
            if task in blocked or not blocked.isdisjoint(self.dag.dependencies(task)):
                blocked.add(task)
            elif impossible := self._unplaced(task, fleet):
                unplaced.append(impossible)
                if not (task in self.results and self.results[task].succeeded):  # else only its review is not made
                    blocked.add(task)
            else:
                startable.append(task)
        return tuple(startable), tuple(unplaced)

    def left_alone(self) -> set[str]:
        """Returns the tasks that did not succeed and that nobody asked to try again."""
        wanted = set(self.retry)
        for task in self.dag.order if wanted else ():
            if not wanted.isdisjoint(self.dag.dependencies(task)):
                wanted.add(task)
        failed = {task for task in self.dag.order if task not in self.results or not self.results[task].succeeded}
        return failed - wanted if wanted else set()

    def is_to_stay(self, result: SessionResult, *, is_own: bool = False) -> bool:
        """Returns whether a person has asked for the end of an attempt, and not for another try since.

        Args:
            result: that of the attempt.
            is_own: whether this orchestrator has begun it, so that it came after what it was asked to retry.
        """
        record = AttemptRecord.known(self.folder.attempt(result.task, result.attempt))
        return record is not None and record.is_stopped and (is_own or result.task not in self.retry)

    def _reviewing_machine(self, last: SessionResult) -> str | None:
        """The machine of the run that a task's review was begun on, which may be another one than that of its work."""
        if not last.is_under_review:
            return None
        name = reviewing(last.task, head=last.head or "")
        begun = replace(self, results={each.task: each for each in self.folder.results(name)}).pending(name)
        return begun.machine if begun and begun.machine in self.machines else None

    @staticmethod
    def _may_be_mended(last: SessionResult) -> bool:
        return last.is_to_be_changed or not last.succeeded

    def _unplaced(self, task: str, fleet: Sequence[Load]) -> Unplaced | None:
        left = self.pending(task)
        if left and left.machine not in self.machines:
            absent = MachineError(left.not_in_fleet_sentence(run=self.folder.run))
            return Unplaced(task=task, outcome=Outcome.NOT_COLLECTED, error=absent, machine=left.machine)
        if reason := unplaceable(fleet, self.requires(task)):
            return Unplaced(task=task, outcome=Outcome.NOT_STARTED, error=MachineError(reason))
        return None

    def _may_be_joined(self, last: SessionResult) -> bool:
        """Whether an earlier orchestrator lost its machine, which takes part again."""
        lost = last.outcome is Outcome.MACHINE_LOST and last.task not in self.ended
        left = AttemptRecord.pending(self.folder.attempt(last.task, last.attempt)) if lost else None
        return left is not None and left.machine in self.machines
