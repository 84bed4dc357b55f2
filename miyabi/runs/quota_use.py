"""What the sessions of a run hear of their accounts' usage limits, and when others may begin by that."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, NamedTuple, Self

from pydantic import Field

from miyabi.claude import RateLimit
from miyabi.dag import Node
from miyabi.errors import AccountHeld
from miyabi.machines import Machine
from miyabi.quota import REJECTED, UNNAMED, Figure, Hold, QuotaBook, QuotaRules, StartSpread
from miyabi.runs.deadline import Deadline
from miyabi.runs.folder import RunFolder
from miyabi.runs.info import Kept
from miyabi.sessions import SessionSpec
from miyabi.settings import SessionDefaults, Settings
from miyabi.text import percent, time_of_day

_SAME_SECONDS = 1.0
_KEPT_SECONDS = 0.1
_LOOK_SECONDS = 0.5


class QuotaUse(Kept):
    """What was known of the usage limits of a run's accounts at its end."""

    file_name = "quota.json"
    if_damaged: ClassVar[str] = "Remove the file: the report says nothing of usage limits then."

    rows: tuple[str, ...] = Field((), description="A window of an account each, in words")


class Begun(NamedTuple):
    """The account with which an attempt, or the conversation that it goes on with, has begun; None: neither has.

    `is_joined`: it is the attempt, which runs or is to be collected.
    """

    account: str | None = None
    is_joined: bool = False


@dataclass(kw_only=True)
class RunQuota:
    """The usage limits as a run meets them. What a rehearsal meets is known to nobody else.

    Args:
        rules: those of the run.
        machines: those of the run, by name.
        book: what is known, by this run and others.
    """

    rules: QuotaRules
    machines: Mapping[str, Machine]
    book: QuotaBook
    _spreads: dict[str, StartSpread] = field(default_factory=dict, init=False)
    _opens: dict[str, float] = field(default_factory=dict, init=False)
    _pins: dict[str, tuple[str, str]] = field(default_factory=dict, init=False)
    _given_up: set[str] = field(default_factory=set, init=False)
    _found: dict[tuple[str, str | None], tuple[int, float, Hold | None]] = field(default_factory=dict, init=False)

    @classmethod
    def of(cls, settings: Settings, machines: Mapping[str, Machine], *, deadline: Deadline, rehearse: bool) -> Self:
        """Makes that of a run with these machines.

        Raises:
            SettingsError: as `QuotaBook.of_user`.
        """
        margin = settings.runs.limit_margin_seconds
        rules = QuotaRules(settings=settings.quota, margin_seconds=margin, night_ends=deadline.until)
        return cls(rules=rules, machines=machines, book=QuotaBook() if rehearse else QuotaBook.of_user())

    def fitted(self, spec: SessionSpec, machine: Machine | None, *, account: str = "") -> SessionSpec:
        """Returns the spec with its account, what the settings say of extra usage, and the model that may run now."""
        spec = spec.model_copy(update={"account": account})
        may_use_extra, models = not self.rules.settings.never_use_extra_usage, (spec.model, spec.fallback_model)
        other = self._instead(spec.account or machine.logins[0], *models) if machine else None
        return spec.model_copy(update={"may_use_extra": may_use_extra, "model": other or spec.model})

    def take(
        self,
        node: Node,
        machine: Machine | None,
        defaults: SessionDefaults,
        *,
        begun: Begun,
        has_budget: Callable[[str], bool],
    ) -> str:
        """Returns the account of an attempt of a task: as `choose` where that begins now, on a machine."""
        known = begun.account
        if machine is None or (begun.is_joined and known is not None):
            return known or ""
        self._pins.pop(node.id, None)
        if known is not None:
            self._pins[node.id] = machine.name, known
        return self.choose(machine, *models_of(node, defaults), known=known, has_budget=has_budget)

    def choose(
        self,
        machine: Machine,
        model: str | None,
        fallback: str | None,
        *,
        known: str | None = None,
        has_budget: Callable[[str], bool] = lambda _: True,
    ) -> str:
        """Chooses the account of a session that is about to begin on a machine: the open one with most headroom.

        Where several have as much it is the one with fewest sessions of ours, then the first.

        Args:
            machine: where.
            model: that it asks for, None for claude's own default.
            fallback: those that may take its place.
            known: the account of its conversation, with which it stays as long as that has a budget.
            has_budget: whether an account's own budget has anything left.
        """
        if len(machine.logins) == 1:
            return machine.logins[0]
        able = [each for each in machine.logins if each not in self._given_up and has_budget(each)] or machine.logins
        if known is not None and known in able:
            return known

        def rank(account: str) -> tuple[float, float, int]:
            hold, now = self._hold_unless_instead(account, model, fallback), time.time()
            figures = [each for each in self.book[account].figures.values() if each.concerns(model)]
            used = max((each.utilization or 0.0 for each in figures if not each.is_over(now)), default=0.0)
            return hold.until if hold else 0.0, used, self.book.sessions[account]

        return min(able, key=rank)

    def pinned(self, task: str, machine: Machine) -> str | None:
        """Returns the account that a task stays with where it goes on on that machine; None: any."""
        name, account = self._pins.get(task, ("", ""))
        return account if name == machine.name and account in machine.logins else None

    def give_up(self, account: str, machines: Iterable[Machine]) -> list[Machine]:
        """Begins nothing more on an account in this run; returns those of its machines that have no other one."""
        self._given_up.add(account)
        return [each for each in machines if account in each.logins and self._given_up.issuperset(each.logins)]

    def hear(self, spec: SessionSpec, machine: Machine, said: Iterable[object]) -> bool:
        """Takes in what a session was told of its account's limits; returns whether it is to end for extra usage."""
        events, account = [event for event in said if isinstance(event, RateLimit)], spec.account or machine.logins[0]
        if not events:
            return False
        source = f"{spec.paths.session} on {machine.name}"
        for event in events:
            self.book.note(account, _figures(event, model=spec.model, source=source, now=time.time()))
        return not spec.may_use_extra and any(event.uses_extra for event in events)

    def note_limit(
        self,
        machine: Machine,
        *,
        model: str | None,
        until: float,
        resets_at: datetime | None,
        account: str | None = None,
    ) -> None:
        """Takes in that a session met a limit after which nothing is to begin before `until`, seconds since 1970.

        One that its events have told already is that one; any other closes the account for all models.
        """
        now, account = time.time(), machine.logins[0] if account is None else account
        ends = resets_at.timestamp() if resets_at else None
        figures = self.book[account].figures.values()
        known = [each for each in figures if each.resets_at and ends and abs(each.resets_at - ends) <= _SAME_SECONDS]
        held = max((hold.until for hold in [self._hold(account, model)] if hold), default=0.0)
        if not (known and held + _SAME_SECONDS >= until):
            limit = {"status": REJECTED, "resets_at": until, "no_margin": True, "models": (model or "",)}
            window = known[0].window if known else UNNAMED
            self.book.note(account, [Figure(window=window, seen_at=now, source=machine.name, **limit)])

    def hold(self, machine: Machine, *, model: str | None, account: str | None = None) -> Hold | None:
        """Finds what keeps a session of that model from beginning on a machine now; None where one may.

        Of several accounts each has to be held: with `account` that one alone counts.
        """
        return self.hold_unless_instead(machine, model, None, account=account)

    def hold_unless_instead(
        self, machine: Machine, model: str | None, fallback: str | None, *, account: str | None = None
    ) -> Hold | None:
        """Finds the same where no fallback model may begin in its place."""
        able = [each for each in machine.logins if each not in self._given_up] or machine.logins
        names = able if account is None else (account,)
        holds = [self._hold_unless_instead(each, model, fallback) for each in names]
        return min((hold for hold in holds if hold), key=lambda hold: hold.until) if all(holds) else None

    def _hold(self, account: str, model: str | None) -> Hold | None:
        key, now, version = (account, model), time.time(), self.book.version
        if (found := self._found.get(key)) and found[0] == version and found[1] <= now < found[1] + _KEPT_SECONDS:
            return found[2]
        hold = self.rules.hold(self.book[account], model=model, now=now)
        self._found[key] = (version, now, hold)
        if hold and not hold.is_of_a_model:
            self._opens[account] = hold.until
        return hold

    def _instead(self, account: str, model: str | None, fallback: str | None) -> str | None:
        """Returns the first of the `fallback` models that may run where only the limit of `model` is met; or None."""
        hold = self._hold(account, model) if fallback and self.rules.settings.use_fallback_model else None
        if hold is None or not hold.is_of_a_model or fallback is None:
            return None
        names = (name.strip() for name in fallback.split(","))
        return next((name for name in names if name and self._hold(account, name) is None), None)

    def _hold_unless_instead(self, account: str, model: str | None, fallback: str | None) -> Hold | None:
        hold = self._hold(account, model)
        return None if hold and self._instead(account, model, fallback) else hold

    def plan_start(self, account: str) -> float:
        """Returns when the session begins, in seconds since 1970, that is to begin on an account next."""
        now, margin = time.time(), self.rules.margin_seconds
        if not margin:
            return now
        if account not in self._spreads:
            slots = sum(each.slots for each in self.machines.values() if account in each.logins)
            self._spreads[account] = StartSpread(margin_seconds=margin, slots=slots)
        known = self.rules.opened(self.book[account], now=now)
        opened = max(known, *(at for at in [self._opens.get(account, 0.0)] if at <= now), 0.0)
        return self._spreads[account].plan(opened=opened, now=now)

    def require_open(self, account: str, *, model: str | None) -> None:
        """Checks that a session may begin on an account.

        Raises:
            AccountHeld: not now; says for what it is waited, and until when.
        """
        if hold := self._hold(account, model):
            raise AccountHeld(hold.why, until=hold.until)

    async def wait_for_turn(self, account: str, *, model: str | None) -> None:
        """Waits until a session may begin: where an account has just opened they do so one after the other.

        Raises:
            AccountHeld: the account takes none, or none any more.
        """
        self.require_open(account, model=model)
        begins = self.plan_start(account)
        while (left := begins - time.time()) > 0:
            await asyncio.sleep(min(left, _LOOK_SECONDS))
            self.require_open(account, model=model)

    def why_never(self, machines: Iterable[Machine], *, model: str | None, fallback: str | None, by: float) -> str:
        """Says why no session of the model begins on any of these machines by that moment; nothing where one may."""
        holds = []
        for machine in machines:
            hold = self.hold_unless_instead(machine, model, fallback)
            if hold is None or hold.until <= by:
                return ""
            holds.append(hold)
        if not holds:
            return ""
        first = min(holds, key=lambda hold: hold.until)
        until = time_of_day(first.until, now=time.time())
        return f"quota: the usage limit of its account: {first.why}, until {until}"

    def keep(self, folder: RunFolder) -> None:
        """Keeps in the folder of the run what is known now, for its report.

        Raises:
            DiskFull: there is no room for it.
        """
        if rows := self.rows():
            folder.keep(QuotaUse(rows=rows))

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts of the run's machines, by name."""
        return tuple(sorted({account for machine in self.machines.values() for account in machine.logins}))

    def closed(self) -> frozenset[tuple[str, str, float | None]]:
        """Lists the windows that are spent: account, window, and when it begins anew."""
        spent = ((account, each) for account in self.accounts for each in self.book[account].figures.values())
        return frozenset((name, each.window, each.resets_at) for name, each in spent if self.rules.is_closing(each))

    def rows(self) -> tuple[str, ...]:
        """Describes each window of the run's accounts in words: how much of it is used, and when it begins anew."""
        return tuple(words for account in self.accounts for words in self._rows(account))

    def _rows(self, account: str) -> Iterable[str]:
        now = time.time()
        for figure in sorted(self.book[account].figures.values(), key=lambda each: each.window):
            if figure.resets_at is None or figure.is_over(now):
                continue
            used = "met" if figure.is_spent else "open"
            if figure.utilization is not None and not figure.is_spent:
                used = f"{percent(figure.utilization)} used"
            extra = ", extra usage" if figure.uses_extra else ""
            whose = f" of account {account}" if account else ""
            yield f"{figure.words}{whose}: {used}{extra}, resets {time_of_day(figure.resets_at, now=now)}"


def models_of(node: Node, defaults: SessionDefaults) -> tuple[str | None, str | None]:
    """Returns the model that a task asks for, None for claude's own default, and those that may take its place."""
    return node.model or defaults.model, node.fallback_model or defaults.fallback_model


def _figures(event: RateLimit, *, model: str | None, source: str, now: float) -> list[Figure]:
    """The windows that an event speaks of; one of which nothing can be known is left out."""
    figures = []
    for window in event.windows:
        is_met = event.uses_extra and window.kind == event.kind
        status = REJECTED if is_met else window.status
        if window.resets_at is None or not status:
            continue
        figure = Figure(
            window=window.kind,
            status=status,
            utilization=window.utilization,
            resets_at=window.resets_at.timestamp(),
            seen_at=now,
            source=source,
            uses_extra=is_met,
        )
        is_own = status == REJECTED and figure.is_of_a_model
        figures.append(figure.model_copy(update={"models": (model or "",)}) if is_own else figure)
    if event.status == REJECTED and event.resets_at and not event.kind:
        resets_at = event.resets_at.timestamp()
        limit = {"status": REJECTED, "resets_at": resets_at, "uses_extra": event.uses_extra}
        figures.append(Figure(window=UNNAMED, seen_at=now, source=source, **limit))
    return figures
