"""A simulated week on the real rules: three accounts, two orchestrators that hear of each other late, 200 sessions."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pytest

from miyabi.quota import REJECTED, AccountQuota, Figure, QuotaBook, QuotaRules
from miyabi.settings import QuotaSettings

HOUR = 3600.0
WEEK = 7 * 24 * HOUR
BEGINS = 1_800_000_000.0
MARGIN = 60.0
DELAY = 0.8
"""Seconds after which one orchestrator hears what the other knows."""

SLOTS = 4
ACCOUNTS = ("", "second", "third")


@dataclass
class Account:
    """An account as it is, which only its sessions learn: the windows that are spent, and from when to when."""

    spent: Mapping[str, list[tuple[float, float]]]

    def limit(self, model: str, now: float) -> tuple[str, float] | None:
        """The window that refuses a session of the model now, and its end."""
        for window, spans in self.spent.items():
            is_concerned = not window.startswith("seven_day_") or window.removeprefix("seven_day_") in model
            for begins, ends in spans:
                if is_concerned and begins <= now < ends:
                    return window, ends
        return None


@dataclass
class Simulation:
    """Sessions that begin wherever the rules let them; each is told of a limit when it begins, or in its middle."""

    dice: random.Random
    accounts: Mapping[str, Account]
    now: float = BEGINS
    starts: list[tuple[float, str, str, int]] = field(default_factory=list)
    refused: list[tuple[float, str, str]] = field(default_factory=list)
    done: int = 0
    idle: list[str] = field(default_factory=list)
    looks: set[float] = field(default_factory=set)
    number: int = 0

    def __post_init__(self) -> None:
        self.books = [QuotaBook(), QuotaBook()]
        self.rules = QuotaRules(settings=QuotaSettings(), margin_seconds=MARGIN)
        models = ["claude-opus-5", "claude-sonnet-5"]
        self.waiting = [[self.dice.choice(models) for _ in range(100)] for _ in self.books]
        self.running = dict.fromkeys(self.accounts, 0)
        self.events: list[tuple[float, int, str, tuple[object, ...]]] = []
        self.told: dict[tuple[str, str], float] = {}

    def at(self, when: float, kind: str, *what: object) -> None:
        """Lets something happen then."""
        heapq.heappush(
            self.events, (when, len(self.starts) + len(self.events) * 1000 + self.dice.getrandbits(40), kind, what)
        )

    def run(self) -> None:
        """Goes on until all is done, or the week is over."""
        self.at(self.now, "look")
        while self.events and self.done < 200:
            self.now, _, kind, what = heapq.heappop(self.events)
            if self.now > BEGINS + WEEK:
                return
            getattr(self, f"on_{kind}")(*what)
            self.place()

    def place(self) -> None:
        """What the dispatchers do: each begins all that its book lets it, and is idle only where nothing may begin."""
        for number, book in enumerate(self.books):
            for name in self.accounts:
                for model in ("claude-opus-5", "claude-sonnet-5"):
                    hold = self.rules.hold(book[name], model=model, now=self.now)
                    if hold:
                        self.at(hold.until, "look")
                        self._look_idle(name, model, hold.until)
                    while not hold and self.running[name] < SLOTS and model in self.waiting[number]:
                        self.waiting[number].remove(model)
                        self.begin(number, name, model)

    def _look_idle(self, name: str, model: str, until: float) -> None:
        limit = self.accounts[name].limit(model, self.now)
        if limit is None and self.now > max(self._ends(name), 0.0) + MARGIN + 1:
            self.idle.append(f"{name} {model} waits until {until - BEGINS:.0f} at {self.now - BEGINS:.0f}")

    def _ends(self, name: str) -> float:
        spans = [end for spans in self.accounts[name].spent.values() for _, end in spans if end <= self.now]
        return max(spans, default=0.0)

    def begin(self, number: int, name: str, model: str) -> None:
        """A session begins, works for some time, and may meet a limit."""
        self.starts.append((self.now, name, model, number))
        self.running[name] += 1
        if limit := self.accounts[name].limit(model, self.now):
            self.refused.append((self.now, name, limit[0]))
            self.at(self.now + 1, "told", number, name, model, *limit)
            return
        self.at(self.now + self.dice.uniform(1800, 5 * HOUR), "answer", number, name, model)

    def on_answer(self, number: int, name: str, model: str) -> None:
        """The session's last request: it is refused where the window has been spent meanwhile."""
        if limit := self.accounts[name].limit(model, self.now):
            self.on_told(number, name, model, *limit)
            return
        self.running[name] -= 1
        self.done += 1
        five = Figure(window="five_hour", status="allowed", utilization=0.5, resets_at=self.now + 600, seen_at=self.now)
        self.hear(number, name, five)

    def on_told(self, number: int, name: str, model: str, window: str, ends: float) -> None:
        """It learns which window is spent: its task waits, no attempt is burnt."""
        self.running[name] -= 1
        self.waiting[number].append(model)
        self.told.setdefault((name, window), self.now)
        self.hear(number, name, Figure(window=window, status=REJECTED, resets_at=ends, seen_at=self.now))

    def hear(self, number: int, name: str, figure: Figure) -> None:
        """One knows it at once, the other a little later."""
        self.books[number].note(name, [figure])
        self.at(self.now + DELAY, "merge", 1 - number, self.books[number][name])

    def on_merge(self, number: int, quota: AccountQuota) -> None:
        """The other hears of it."""
        self.books[number].merge([quota])

    def on_look(self) -> None:
        """A moment at which something may begin again."""


def spans(dice: random.Random) -> Iterator[tuple[float, float]]:
    """The five-hour windows of a week that are spent before they end."""
    for number in range(33):
        begins = BEGINS + number * 5 * HOUR
        if dice.random() < 0.5:
            yield begins + dice.uniform(0.5, 4.5) * HOUR, begins + 5 * HOUR


@pytest.mark.parametrize("seed", range(5))
def test_a_week(seed: int) -> None:
    """Nothing begins on an account whose limit is known, nobody is idle while one is open, and all is done."""
    dice = random.Random(seed)  # noqa: S311 - repeatable limits, no secret
    accounts = {name: Account(spent={"five_hour": list(spans(dice))}) for name in ACCOUNTS}
    opus, week = BEGINS + 20 * HOUR, BEGINS + 10 * HOUR
    accounts["second"] = Account(spent={**accounts["second"].spent, "seven_day_opus": [(opus, opus + 60 * HOUR)]})
    accounts["third"] = Account(spent={**accounts["third"].spent, "seven_day": [(week, week + 90 * HOUR)]})
    week_of = Simulation(dice=dice, accounts=accounts)
    week_of.run()
    assert week_of.done == 200
    assert week_of.refused, "no limit was met at a start: the week is too easy"
    for when, name, window in week_of.refused:
        told = [at for at, where, which in _told(week_of) if (where, which) == (name, window) and at < when]
        ends = [end for begin, end in accounts[name].spent[window] if begin <= when < end]
        begins = [begin for begin, end in accounts[name].spent[window] if begin <= when < end]
        known = [at for at in told if at >= begins[0]]
        assert not known or when - min(known) <= DELAY, (name, window, when - BEGINS, ends)
    assert week_of.idle == []


def _told(week_of: Simulation) -> list[tuple[float, str, str]]:
    return [(at + 1, name, window) for at, name, window in week_of.refused]
