"""Which machine takes the next session, and why. Pure: no clock, no state, the same answer each time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from miyabi.machines.machine import NAMED, Machine
from miyabi.text import did_you_mean, quote

Rank = tuple[bool, int, int]


class Strategy(StrEnum):
    """How sessions are laid out on the fleet."""

    FILL_FIRST = "fill-first"  # completes one machine before it moves to the next: few machines work
    SPREAD = "spread"  # the opposite: every machine works before one gets a second session


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A machine and how many of its slots are used. With `closed_until` set it takes nothing: clear it to reopen."""

    machine: Machine
    used: int
    closed_until: float | None = None

    @property
    def free(self) -> int:
        """Slots that are free, 0 where more are used than there should be."""
        return max(0, self.machine.slots - self.used)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The machine chosen and the reason in one sentence."""

    machine: Machine
    reason: str


def choose(
    fleet: Sequence[Load],
    *,
    requires: Sequence[str] = (),
    strategy: Strategy = Strategy.FILL_FIRST,
    avoid: frozenset[str] = frozenset(),
) -> Placement | None:
    """Returns the best machine that can take a session now, None where none can.

    Fill-first takes a machine that works before an idle one, then the one with the fewest free slots, then the larger
    one; spread takes the opposite of each. Equals go by their order in `fleet`. Machines that are full, closed, in
    `avoid`, or without one of the labels in `requires` are not considered.
    """
    best = min(_usable(fleet, requires, avoid), key=_RANK[strategy], default=None)
    return _placement(best, strategy) if best else None


def unplaceable(fleet: Sequence[Load], requires: Sequence[str] = ()) -> str | None:
    """Returns why no machine could ever take it, full or not, as a sentence; None where one could, if only later."""
    if not fleet:
        return "there is no machine"
    if any(frozenset(requires) <= load.machine.offers for load in fleet):
        return None
    offered = frozenset[str]().union(*(load.machine.offers for load in fleet))
    missing = next((label for label in requires if label not in offered), None)
    if missing and missing.startswith(NAMED):
        names = [load.machine.name for load in fleet]
        wrong = missing.removeprefix(NAMED)
        return f"there is no machine {quote(wrong)}{did_you_mean(wrong, names)}"
    known = sorted({label for load in fleet for label in load.machine.labels})
    if missing:
        return f"no machine has the label {quote(missing)}{did_you_mean(missing, known) or '; none has any label'}"
    return f"no machine has all of the labels {', '.join(map(quote, requires))}"


def _usable(fleet: Sequence[Load], requires: Sequence[str], avoid: frozenset[str]) -> Iterator[Load]:
    required = frozenset(requires)
    for load in fleet:
        machine = load.machine
        if load.used >= machine.slots or load.closed_until is not None or machine.name in avoid:
            continue
        if required <= machine.offers:
            yield load


def _fill_first(load: Load) -> Rank:
    slots = load.machine.slots
    return (load.used == 0, slots - load.used, -slots)


def _spread(load: Load) -> Rank:
    slots = load.machine.slots
    return (load.used != 0, load.used - slots, slots)


_RANK: dict[Strategy, Callable[[Load], Rank]] = {Strategy.FILL_FIRST: _fill_first, Strategy.SPREAD: _spread}


def _placement(load: Load, strategy: Strategy) -> Placement:
    machine = load.machine
    state = "already works" if load.used else "is idle"
    return Placement(
        machine=machine, reason=f"{machine.name} {state} and has {load.free} of {machine.slots} slots free: {strategy}"
    )
