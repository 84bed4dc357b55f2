"""A run while it runs: what its tasks share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import InitVar, dataclass, field, replace
from datetime import UTC, datetime
from typing import TypeVar

from miyabi.claude import compose
from miyabi.dag import Dag, Node
from miyabi.errors import BadInput, DiskFull, MachineError, MiyabiError, NotAdmitted
from miyabi.git import Repository
from miyabi.machines import Host, Machine
from miyabi.runs.connections import Connections, Outages
from miyabi.runs.cordons import Cordons
from miyabi.runs.costs import Allowance, Costs
from miyabi.runs.deadline import NO_DEADLINE, Deadline
from miyabi.runs.fix_up import fix_up_is_due, next_fix_ups, why_given_up
from miyabi.runs.folder import RunFolder
from miyabi.runs.hand_over import HandOver
from miyabi.runs.ledger import LEDGER_FILE, SpendingLedger
from miyabi.runs.progress import Board
from miyabi.runs.quota_use import RunQuota
from miyabi.runs.resume import Continuation, Resume
from miyabi.runs.secrets import hidden_copies, hide_settings
from miyabi.runs.specs import Earlier, spec_for
from miyabi.runs.worktrees import Worktrees
from miyabi.sessions import Outcome, SessionResult, SessionSpec, Workspace, is_resolving
from miyabi.settings import Settings
from miyabi.system import is_our_disk, miyabi_home, retried
from miyabi.text import redact

T = TypeVar("T")


@dataclass(kw_only=True)
class Run:
    """What the tasks of one run share. Everything that must outlive the process is in `folder` and on the machines.

    Args:
        run: name of the run.
        dag: what is to be done.
        settings: of the run.
        folder: where all that outlives us is kept.
        repository: that the sessions work on.
        base: commit that the run starts from.
        author: name and e-mail address, in which the sessions commit.
        board: how far the run is.
        run_id: unlike the name no other run's.
        rehearse: whether no real session is to run.
        retry: the only tasks to be tried again, with what waits for them; empty: all that did not succeed.
        deadline: when it is to be over.
        cordons: the machines that somebody has taken out for a while.
        origins: where a task's first attempt is to go on, by the task's id.
        machines: those that take part, by name: the settings' at first.
        connections: those of another run on the repository, which it closes; None: its own.
        ledger: where all that sessions spend is counted.
    """

    run: str
    dag: Dag
    settings: Settings
    folder: RunFolder
    repository: Repository
    base: str
    author: tuple[str, str]
    board: Board
    run_id: str = ""
    rehearse: bool = False
    retry: frozenset[str] = frozenset()
    deadline: Deadline = NO_DEADLINE
    cordons: Cordons = field(default_factory=Cordons)
    origins: Mapping[str, Continuation] = field(default_factory=dict)
    connections: InitVar[Connections | None] = None
    ledger: SpendingLedger = field(default_factory=lambda: SpendingLedger(miyabi_home() / LEDGER_FILE))
    machines: dict[str, Machine] = field(init=False)
    results: dict[str, SessionResult] = field(init=False)
    warnings: list[str] = field(default_factory=list, init=False)
    unplaced: dict[str, str] = field(default_factory=dict, init=False)  # tasks that no machine can take, and why
    outages: Outages = field(init=False)
    resume: Resume = field(init=False)
    worktrees: Worktrees = field(init=False)
    costs: Costs = field(init=False)
    quota: RunQuota = field(init=False)
    _connections: Connections = field(init=False)
    _ended: set[str] = field(default_factory=set, init=False)
    _unwritten: dict[tuple[str, int], SessionResult] = field(default_factory=dict, init=False)

    def __post_init__(self, connections: Connections | None) -> None:
        self._connections = connections or Connections(self.repository)
        self.outages = Outages(patience_seconds=60 * self.settings.runs.patience_minutes)
        self.machines = {machine.name: machine for machine in self.settings.machines}
        hide_settings(self.settings, self.dag, root=self.repository.root)
        self.results = {t: result for t, result in self.folder.latest_results().items() if t in self.dag.by_id}
        self.costs = Costs(
            folder=self.folder,
            run_id=self.run_id,
            budget=self.settings.budget,
            machines=self.machines,
            results=self.every_result,
            ledger=self.ledger,
            counts=not self.rehearse,
            show=self.board.show_budget,
        )
        self.quota = RunQuota.of(self.settings, self.machines, deadline=self.deadline, rehearse=self.rehearse)
        self._make_parts()
        for task, result in self.results.items():
            if self.resume.is_done(task):
                self.board.finish(self.costs.whole(result))

    def _make_parts(self) -> None:
        """They share the run's machines, results and ends, which are changed in place and never replaced."""
        self.resume = Resume(
            dag=self.dag,
            folder=self.folder,
            machines=self.machines,
            results=self.results,
            ended=self._ended,
            retry=self.retry,
            is_due=self.fix_up_is_due,
            origins=self.origins,
            cordons=self.cordons,
        )
        self.worktrees = Worktrees(
            dag=self.dag,
            folder=self.folder,
            repository=self.repository,
            connections=self._connections,
            base=self.base,
            results=self.results,
            earlier=handed_over.works if (handed_over := self.folder.load(HandOver)) else {},
        )

    def beside(self, node: Node, *, settings: Settings, base: str) -> Run:
        """Makes the run of one task more, in the same folder and over the same connections: it is not to be closed.

        Args:
            node: the task.
            settings: of that run.
            base: commit that it starts from.
        """
        return replace(
            self,
            dag=Dag(nodes=(node,), name=node.id),
            settings=settings,
            base=base,
            board=Board(run=self.run, tasks=(node.id,), rehearsal=self.rehearse, whole=self.board),
            retry=frozenset(),
            origins={},
            connections=self._connections,
        )

    def host(self, machine: Machine) -> Host:
        """Returns the one connection to a machine."""
        return self._connections.host(machine)

    def workspace(self, machine: Machine) -> Workspace:
        """Returns where this repository's code is on a machine."""
        return self._connections.workspace(machine)

    async def copied_files(self) -> dict[str, bytes]:
        """Reads the ignored files that each checkout gets, by path; what they hold is redacted from now on.

        Raises:
            GitFailed: git could not find them.
            SettingsError: they are too large.
        """
        return await hidden_copies(self.repository, self.settings)

    def fleet(self) -> list[Machine]:
        """Returns the machines in the order of the configuration."""
        return list(self.machines.values())

    def leave_out(self, unfit: Mapping[str, MachineError]) -> None:
        """Takes these machines out of the run, with a warning that has their errors.

        Raises:
            BadInput: none is left; one line, or where there were several machines one line each.
        """
        if not self.machines.keys() - unfit.keys():
            between = " " if len(unfit) == 1 else "\n  "
            raise BadInput(between.join(["no machine can take a session:", *map(str, unfit.values())]))
        for name, error in unfit.items():
            self.machines.pop(name, None)
            self.warn(f"not used: {error}")

    def startable(self) -> tuple[str, ...]:
        """Returns the tasks still to be done, each after its upstreams; those that no machine can take get a result."""
        startable, unplaced = self.resume.startable()
        for task in self.resume.left_alone() & self.results.keys():
            self.board.finish(self.costs.whole(self.results[task]))
        for each in unplaced:
            if each.task in self.results and self.results[each.task].succeeded:
                self.keep(self.results[each.task].unreviewed(str(each.error)))
                continue
            result = self.no_session(each.task, outcome=each.outcome, error=each.error, machine=each.machine)
            self.keep(result)
            self.unplaced[each.task] = result.error_text or ""
        return startable

    async def spec(
        self,
        node: Node,
        *,
        attempt: int,
        conversation: str | None = None,
        fix_ups: int = 0,
        machine: Machine | None = None,
    ) -> SessionSpec:
        """Makes the spec of one attempt, which goes on with `conversation` where there is one.

        `fix_ups`: how often, with it, a failure goes back to its conversation. `machine`: where it begins, if it does.

        Raises:
            MergeConflict: as `Worktrees.base_for`.
            GitFailed: as `Worktrees.base_for`.
            DagError: as `spec_for`.
            BadInput: as `RunFolder.results`.
            LedgerUnusable: as `Costs.allowance`.
        """
        upstream = [self.results[other] for other in self.dag.dependencies(node.id)]
        base, taken_up = await self.worktrees.base_for(node), await self.worktrees.taken_up(node)
        if taken_up and taken_up.warning:
            self.warn(f"{node.id}: {taken_up.warning}")
        begun = self.costs.begun(node.id, attempt=attempt, conversation=conversation)
        account = self.quota.take(node, machine, self.settings.sessions, begun=begun, has_budget=self.costs.has_day)
        spec = spec_for(
            node,
            self.settings.of_account(account),
            run=self.run,
            run_id=self.run_id,
            attempt=attempt,
            prompt=compose(node, upstream=upstream, check=self.settings.sessions.check, taken_up=taken_up),
            base=base,
            taken_up=taken_up,
            author=self.author,
            conversation=conversation,
            earlier=self._earlier(node.id, attempt=attempt, fix_ups=fix_ups, account=account if machine else None),
            rehearse=self.rehearse,
            root=self.repository.root,
        )
        return self.quota.fitted(spec, machine, account=account)

    def _earlier(self, task: str, *, attempt: int, fix_ups: int, account: str | None) -> Earlier:
        return Earlier(
            attempts=[each for each in self.every_result(task) if each.attempt < attempt],
            fix_ups=fix_ups,
            spent_usd=self.costs.spent_on(task, fix_ups=fix_ups),
            allowance=Allowance() if account is None else self.costs.allowance(task, account=account, attempt=attempt),
            last_lines=self.folder.check_lines,
        )

    def fix_up_is_due(self, task: str) -> bool:
        """Returns whether the failure of a task's last attempt goes back to its conversation.

        Raises:
            BadInput: as `RunFolder.results`.
        """
        is_due = fix_up_is_due(self.every_result(task), node=self.dag.by_id[task], settings=self.settings)
        return is_due and not self.costs.why_not_admitted(task, machine=self.results[task].machine)

    def is_reviewed(self, task: str) -> bool:
        """Returns whether a second session reads the task's work before it counts."""
        node, is_ours = self.dag.by_id[task], self.rehearse or is_resolving(task)
        concerns = self.settings.review.concerns
        return not is_ours and concerns(type=node.type, labels=node.requires, priority=node.priority)

    def no_session(
        self,
        task: str,
        *,
        outcome: Outcome,
        error: Exception,
        attempt: int | None = None,
        machine: str | None = None,
        placement_reason: str = "",
        start: datetime | None = None,
    ) -> SessionResult:
        """Makes the result of an attempt of which no session has said anything."""
        return SessionResult(
            run=self.run,
            task=task,
            title=self.dag.by_id[task].title,
            outcome=outcome,
            attempt=attempt or self.resume.attempts(task) + 1,
            machine=machine,
            placement_reason=placement_reason,
            start=start,
            end=start and datetime.now(UTC),
            error_kind=type(error).__name__,
            error_text=redact(str(error)),
            rehearsal=self.rehearse,
        )

    async def with_room(self, call: Callable[[], Awaitable[T]], *, on_wait: Callable[[MiyabiError], None]) -> T:
        """Returns what the call returns; while our own disk is full it is made again, as patiently as for a machine.

        Raises:
            DiskFull: the disk is full still. Whatever else the call raises.
        """
        patience_seconds = self.outages.patience_seconds
        return await retried(call, patience_seconds=patience_seconds, passes=is_our_disk, on_wait=on_wait)

    def keep(self, result: SessionResult) -> None:
        """Keeps the result of an attempt that is over: in the run folder now, or as soon as the disk has room."""
        self.results[result.task] = result
        self._ended.add(result.task)
        self._unwritten[result.task, result.attempt] = result
        self.costs.note_end(result)
        with suppress(DiskFull):
            self.write_late()

    def write_late(self) -> None:
        """Writes the results that there was no room for.

        Raises:
            DiskFull: there is none still. Whoever runs the run again finds their sessions on the machines.
        """
        for key, result in list(self._unwritten.items()):
            self.folder.write_result(result)
            if self._unwritten.get(key) is result:
                del self._unwritten[key]

    def why_not_mended(self, task: str) -> str:
        """Says why the failure of a task's last attempt does not go back to its conversation, as `why_given_up`.

        Raises:
            BadInput: as `RunFolder.results`.
        """
        attempts, node = self.every_result(task), self.dag.by_id[task]
        if not fix_up_is_due(attempts, node=node, settings=self.settings):
            return why_given_up(attempts, node=node, settings=self.settings)
        reason = self.costs.why_not_admitted(task, machine=self.results[task].machine)
        return f"it got no fix-up: {reason}" if reason else ""

    def next_fix_ups(self, task: str) -> int:
        """Counts how often, with its next attempt, a failure of a task has gone back to its conversation.

        Raises:
            BadInput: as `RunFolder.results`.
        """
        if begun := self.resume.pending(task):
            return begun.fix_ups
        return next_fix_ups(self.every_result(task), node=self.dag.by_id[task], settings=self.settings)

    def every_result(self, task: str | None = None) -> tuple[SessionResult, ...]:
        """Returns the results of all attempts of all tasks, or of one, by task and attempt.

        Raises:
            BadInput: as `RunFolder.results`.
        """
        known = {(r.task, r.attempt): r for r in self.folder.results(task)}
        known |= {key: result for key, result in self._unwritten.items() if task in {None, result.task}}
        return tuple(known[key] for key in sorted(known))

    def note_end(self, task: str, *, state: str | None, message: str | None) -> None:
        """Notes what the engine says of a task that left no result: it was not started, or it broke."""
        result = self.results.get(task)
        if result and (result.succeeded or task in self._ended):
            return
        if self.resume.pending(task):
            return  # its session is left on its machine, or still being collected: the report looks
        is_held = state == "NotStarted"
        if is_held and result and result.was_begun:  # nothing is lost of what was begun: it ends as it had
            self.warn(f"{task} was not tried again: {message}")
            self.keep(result)
            return
        why = message or "" if is_held else f"{state}: {message}"
        error = NotAdmitted(why) if is_held else MiyabiError(why)
        outcome = Outcome.NOT_STARTED if is_held or state in {"Failed", "Crashed"} else Outcome.SKIPPED
        if outcome is Outcome.NOT_STARTED or (state or "").startswith("Cancel"):
            self.keep(self.no_session(task, outcome=outcome, error=error))

    def warn(self, sentence: str) -> None:
        """Notes a sentence that the reader of the report should know besides, once."""
        if sentence not in self.warnings:
            self.warnings.append(sentence)

    def end(self) -> None:
        """Ends the run, for now: its folder says so, and since when, which is as before where nothing was done.

        May be repeated.

        Raises:
            DiskFull: not all of it could be written.
            BadInput: run.json is missing or damaged.
        """
        self.write_late()
        info = self.folder.info()
        ended = info.ended if info.ended and not self._ended else datetime.now(UTC)
        warnings = (*info.warnings, *(w for w in self.warnings if w not in info.warnings))
        self.folder.write_info(info.model_copy(update={"ended": ended, "warnings": warnings}))
        self.board.close({task: self.costs.whole(result) for task, result in self.results.items()})
        self.board.write(self.folder.status_file)

    async def close(self) -> None:
        """Gives back every connection; what runs on the machines goes on."""
        await self._connections.close()
