"""What the sessions of a run cost, and what the budgets of the settings leave for the next one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field

from miyabi.claude import Before
from miyabi.errors import DiskFull, LedgerUnusable, NotAdmitted
from miyabi.machines import Machine
from miyabi.runs.attempt_record import AttemptRecord
from miyabi.runs.budget import LEAST_USD, before, spent
from miyabi.runs.folder import RunFolder
from miyabi.runs.info import Kept
from miyabi.runs.ledger import LEDGER_FILE, LedgerEntry, SpendingLedger, Spent
from miyabi.runs.quota_use import Begun
from miyabi.runs.recount import account_used, entry_of, milestone_key, recount, run_key, task_of
from miyabi.sessions import SessionResult, SessionSpec
from miyabi.settings import BudgetSettings, Settings
from miyabi.system import miyabi_home
from miyabi.text import cost, dollars

Results = Callable[[str | None], Sequence[SessionResult]]
"""The results of all attempts of a task, or with None of all tasks; raises BadInput as `RunFolder.results`."""

_TOKENS, _USD = "tokens", "usd"
_NO_RUN = "_none"


_SHARED = ("budget.run_", "budget.milestone_", "budget.day_")


def is_of_shared_budget(kind: str) -> bool:
    """Returns whether an error of that kind says of a task only that others had used up what it might have spent."""
    return kind == NotAdmitted.__name__ or kind.startswith(_SHARED)


class BudgetRow(BaseModel):
    """One limit of `[budget]` and what is spent of it. `setting` is its name there, `whose` what it is for."""

    model_config = ConfigDict(frozen=True)

    setting: str
    whose: str
    spent: float
    limit: float

    @property
    def scope(self) -> str:
        """What it is a limit of: session, task, run, milestone, or day."""
        return self.setting.partition("_")[0]

    @property
    def amounts(self) -> str:
        """How much is spent of how much: `3.20 of 10.00 USD`."""
        if self.setting.endswith(_TOKENS):
            return f"{self.spent:,.0f} of {self.limit:,.0f} tokens"
        return f"{cost(self.spent)} of {dollars(self.limit)}"

    @property
    def sentence(self) -> str:
        """Says that it is used up, and what to do, without full stop."""
        later = ", or wait for tomorrow" if self.scope == "day" else ""
        return f"{self.amounts} of the {self.whose} are spent; raise budget.{self.setting}{later}"

    def without(self, own: Spent) -> Self:
        """Returns the same as if that had not been spent."""
        less = own.tokens if self.setting.endswith(_TOKENS) else own.usd
        return self.model_copy(update={"spent": max(self.spent - less, 0)})

    @property
    def rest(self) -> float:
        """What is left, 0 where more was spent."""
        return max(self.limit - self.spent, 0.0)

    @property
    def is_used_up(self) -> bool:
        """Whether nothing of it is left that a session could begin with."""
        return self.rest < (1 if self.setting.endswith(_TOKENS) else LEAST_USD)


class BudgetUse(Kept):
    """What was spent of the budgets that hold for a run, when its last session ended."""

    file_name = "budget.json"
    if_damaged: ClassVar[str] = "Remove the file: the report says nothing of budgets then."

    rows: tuple[BudgetRow, ...] = Field((), description="Of the run, the milestone, and each account today")


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What `[budget]` leaves for a session; None: it sets no limit. `usd_setting` is the one that decides."""

    usd: float | None = None
    usd_setting: str = ""
    tokens: int | None = None
    tokens_setting: str = ""


@dataclass(kw_only=True)
class Costs:
    """The costs of a run's sessions.

    Args:
        folder: that of the run.
        run_id: as `RunInfo.id`.
        budget: what may be spent.
        machines: those of the run, by name.
        results: reads the results of attempts.
        ledger: where all runs are counted.
        counts: False for a rehearsal, which costs nothing.
        show: called with what is spent of the budgets, in words, when that has changed.
    """

    folder: RunFolder
    run_id: str
    budget: BudgetSettings
    machines: Mapping[str, Machine]
    results: Results
    ledger: SpendingLedger
    counts: bool = True
    show: Callable[[str], None] = lambda _: None
    _accounts: set[str] = field(default_factory=set, init=False)

    def before(self, conversation: str | None) -> Before:
        """Adds up what a conversation has cost in the attempts that are over.

        Raises:
            BadInput: as `RunFolder.results`.
        """
        return before(r for r in self.results(None) if r.session_id == conversation) if conversation else Before()

    def whole(self, result: SessionResult) -> SessionResult:
        """Returns a task's last result, with what all of its attempts have cost.

        Raises:
            BadInput: as `RunFolder.results`.
        """
        every = [r for r in self.results(result.task) if r.attempt != result.attempt]
        usd = sum(r.cost_usd for r in every) + result.cost_usd
        is_partial = any(r.cost_is_partial for r in (*every, result))
        return result.model_copy(update={"cost_usd": usd, "cost_is_partial": is_partial})

    def spent_on(self, task: str, *, fix_ups: int = 0) -> float:
        """Adds up what counts against a task's `max_budget_usd` when its next attempt begins, with so many `fix_ups`.

        Returns:
            US dollars.

        Raises:
            BadInput: as `RunFolder.results`.
        """
        return spent(self.results(task), fix_ups=fix_ups)

    def note(self, spec: SessionSpec, machine: Machine, amount: Spent) -> None:
        """Counts what a session that runs has spent until now."""
        if self.counts:
            account = spec.account or machine.logins[0]
            self._accounts.add(account)
            self._note(self._entry(spec.task, spec.attempt, account, amount, is_over=False))

    def note_end(self, result: SessionResult) -> None:
        """Counts what a session has spent that is over."""
        if self.counts and result.start:
            amount = Spent(usd=result.cost_usd, tokens=result.usage.total)
            account = account_used(result, self.machines)
            self._note(self._entry(result.task, result.attempt, account, amount, is_over=result.is_collected))

    def why_not(self, task: str, *, machine: str | None = None) -> BudgetRow | None:
        """Finds the first budget that is used up, so that no session of the task may begin on a machine; or None.

        Without a machine no day of an account counts.

        Raises:
            LedgerUnusable: a budget is set, and what was spent is not known.
        """
        return next((row for row in self._rows(task, machine=machine) if row.is_used_up), None)

    def why_not_admitted(self, task: str, *, machine: str | None = None) -> str:
        """Says why no session of a task may begin now, as `why_not`; nothing where one may.

        Returns:
            `budget: ` and a sentence without full stop.
        """
        try:
            row = self.why_not(task, machine=machine)
        except LedgerUnusable as error:
            return f"budget: {error}"
        return f"budget: {row.sentence}" if row else ""

    def begun(self, task: str, *, attempt: int, conversation: str | None) -> Begun:
        """Returns the account with which an attempt, or the conversation that it goes on with, has begun.

        Raises:
            BadInput: as `RunFolder.results`.
        """
        if record := AttemptRecord.pending(self.folder.attempt(task, attempt)):
            return Begun(record.account, is_joined=True)
        said = [r.account for r in self.results(None) if r.session_id == conversation] if conversation else []
        return Begun(said[-1] if said else None)

    def has_day(self, account: str) -> bool:
        """Returns whether anything is left of what an account may spend today.

        Raises:
            LedgerUnusable: as `why_not`.
        """
        return not any(row.is_used_up for row in self._of_day(account))

    def allowance(self, task: str, *, account: str | None = None, attempt: int = 0) -> Allowance:
        """Returns what is left for a session of a task that begins now: the least of all budgets.

        One that lives already, as `attempt`, may spend what it has spent and what is left.

        Raises:
            LedgerUnusable: as `why_not`.
        """
        rows = [*self._rows(task), *([] if account is None else self._of_day(account))]
        if rows and attempt:
            own = self.ledger.spent(run=self._run, session=f"{task}.{attempt}")
            rows = [row.without(own) for row in rows]
        rows += self._limits("session", "session")
        usd = min((row for row in rows if row.setting.endswith(_USD)), key=lambda row: row.rest, default=None)
        tokens = min((row for row in rows if row.setting.endswith(_TOKENS)), key=lambda row: row.rest, default=None)
        return Allowance(
            usd=max(usd.rest, LEAST_USD) if usd else None,
            usd_setting=usd.setting if usd else "",
            tokens=max(int(tokens.rest), 1) if tokens else None,
            tokens_setting=tokens.setting if tokens else "",
        )

    def flush(self) -> None:
        """Writes what was noted and is not written yet; what cannot be written is kept."""
        self.ledger.flush()

    def use(self) -> BudgetUse | None:
        """Returns what is spent of the budgets of the run, its milestone and its accounts; None where there are none.

        Raises:
            LedgerUnusable: as `why_not`.
        """
        accounts = self._accounts or {account for machine in self.machines.values() for account in machine.logins}
        rows = [*self._shared(), *(row for account in sorted(accounts) for row in self._of_day(account))]
        return BudgetUse(rows=tuple(rows)) if rows else None

    def _note(self, entry: LedgerEntry) -> None:
        if not self.ledger.note(entry):
            return
        try:
            use = self.use()
        except LedgerUnusable:  # whoever asks whether to start something is told
            return
        if use:
            self.show("; ".join(f"{row.whose}: {row.amounts}" for row in use.rows))
            if entry.is_over:
                with suppress(DiskFull):  # the next one that ends keeps it
                    self.folder.keep(use)

    def _entry(self, task: str, attempt: int, account: str, amount: Spent, *, is_over: bool) -> LedgerEntry:
        whose = {"run": self._run, "milestone": self._milestone, "account": account}
        return entry_of(self.folder, task, attempt, **whose, spent=amount, is_over=is_over)

    @property
    def _run(self) -> str:
        return run_key(self.folder, self.run_id)

    @cached_property
    def _milestone(self) -> str:
        return milestone_key(self.folder)

    def _rows(self, task: str, *, machine: str | None = None) -> Iterator[BudgetRow]:
        of = task_of(task)
        yield from self._limits("task", f"task {of}", run=self._run, task=of)
        yield from self._shared()
        if machine and (at := self.machines.get(machine)):
            of_day = [list(self._of_day(account)) for account in at.logins]
            yield from next((rows for rows in of_day if not any(row.is_used_up for row in rows)), of_day[0])

    def _shared(self) -> Iterator[BudgetRow]:
        yield from self._limits("run", "run", run=self._run)
        if self._milestone:
            yield from self._limits("milestone", "milestone", milestone=self._milestone)

    def _of_day(self, account: str) -> Iterator[BudgetRow]:
        whose = f"day of account {account}" if account else "day"
        yield from self._limits("day", whose, account=account, day=self.ledger.today)

    def _limits(self, scope: str, whose: str, **where: str) -> Iterable[BudgetRow]:
        """The limits of that scope, with what the sessions have spent `where` all of that is so; nowhere: nothing."""
        usd, tokens = getattr(self.budget, f"{scope}_usd"), getattr(self.budget, f"{scope}_tokens")
        if not self.counts or (usd is None and tokens is None):
            return
        amount = self._spent(**where) if where else Spent()
        if usd is not None:
            yield BudgetRow(setting=f"{scope}_usd", whose=whose, spent=amount.usd, limit=usd)
        if tokens is not None:
            yield BudgetRow(setting=f"{scope}_tokens", whose=whose, spent=amount.tokens, limit=tokens)

    def _spent(self, **where: str) -> Spent:
        amount = self.ledger.spent(**where)
        if not self.ledger.is_recounted:  # it is the first question, or the file is a new one
            recount(self.ledger, self.folder.repository, machines=self.machines)
            amount = self.ledger.spent(**where)
        return amount


def budgets_before(root: Path, settings: Settings) -> BudgetUse | None:
    """Returns what is spent of the budgets that would hold for a run of the repository that began now; or None.

    Raises:
        LedgerUnusable: one is set, and what was spent is not known.
    """
    return Costs(
        folder=RunFolder(root, _NO_RUN),
        run_id=_NO_RUN,
        budget=settings.budget,
        machines={machine.name: machine for machine in settings.machines},
        results=lambda _: (),
        ledger=SpendingLedger(miyabi_home() / LEDGER_FILE),
    ).use()
