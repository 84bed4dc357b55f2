"""Placement decisions a second while 500 machines of 5 slots fill up; beside them a fleet kept by `sorted()`.

Run it with:  python bench/placement.py [MACHINES [SLOTS]]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

from miyabi.machines import Load, Machine, Strategy, choose

Decide = Callable[[Sequence[Load]], str | None]
ROUNDS = 3


def main(machines: int = 500, slots: int = 5) -> None:
    """Prints a line a way to decide, and what the two ways differ by."""
    fleet = [Machine(name=f"macmini{number}", slots=slots, labels=_labels(number)) for number in range(machines)]
    print(f"{machines} machines x {slots} slots, filled up one decision at a time, best of {ROUNDS}")
    ways: dict[str, Decide] = {
        "miyabi fill-first": _miyabi(Strategy.FILL_FIRST),
        "miyabi spread": _miyabi(Strategy.SPREAD),
        "miyabi fill-first, label": _miyabi(Strategy.FILL_FIRST, requires=("xcode",)),
        "sorted() fill-first": _by_sorting,
    }
    rates = {name: max(_rate(fleet, decide) for _ in range(ROUNDS)) for name, decide in ways.items()}
    for name, rate in rates.items():
        print(f"  {name:26} {rate:8,.0f} decisions/s")
    print(f"  ratio to sorted()          {rates['miyabi fill-first'] / rates['sorted() fill-first']:8.1f} x")


def _labels(number: int) -> tuple[str, ...]:
    return ("macos", "xcode") if number % 2 else ("macos",)


def _miyabi(strategy: Strategy, *, requires: Sequence[str] = ()) -> Decide:
    def decide(loads: Sequence[Load]) -> str | None:
        placement = choose(loads, requires=requires, strategy=strategy)
        return placement.machine.name if placement else None

    return decide


def _by_sorting(loads: Sequence[Load]) -> str | None:
    usable = [load for load in loads if load.free]
    usable.sort(key=lambda load: (load.used == 0, load.free, -load.machine.slots))
    return usable[0].machine.name if usable else None


def _rate(fleet: Sequence[Machine], decide: Decide) -> float:
    loads = {machine.name: Load(machine=machine, used=0) for machine in fleet}
    place = {name: at for at, name in enumerate(loads)}
    now = list(loads.values())
    decisions, started = 0, time.perf_counter()
    while name := decide(now):
        load = now[place[name]]
        now[place[name]] = Load(machine=load.machine, used=load.used + 1)
        decisions += 1
    return decisions / (time.perf_counter() - started)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
