"""Which machine is next, rule by rule."""

from __future__ import annotations

import pytest

from miyabi.machines import Load, Machine, Placement, Strategy, choose, unplaceable


def load(name: str, used: int, slots: int, *labels: str, closed_until: float | None = None) -> Load:
    """A machine with so many of its slots used."""
    machine = Machine(name=name, slots=slots, labels=labels)
    return Load(machine=machine, used=used, closed_until=closed_until)


def chosen(placement: Placement | None) -> str:
    """The machine that was chosen."""
    assert placement
    return placement.machine.name


@pytest.mark.parametrize(
    ("fleet", "best"),
    [
        ([load("idle", 0, 1), load("works", 1, 9)], "works"),
        ([load("two-free", 1, 3), load("one-free", 1, 2)], "one-free"),
        ([load("small", 1, 2), load("large", 4, 5)], "large"),
        ([load("idle-large", 0, 5), load("idle-small", 0, 2)], "idle-small"),
        ([load("first", 1, 2), load("second", 1, 2)], "first"),
        ([load("idle-first", 0, 2), load("idle-second", 0, 2)], "idle-first"),
    ],
)
def test_fill_first_completes_one_machine_before_the_next(fleet: list[Load], best: str) -> None:
    """Working before idle, then fewest free slots, then the larger, then the order of the configuration."""
    assert chosen(choose(fleet, strategy=Strategy.FILL_FIRST)) == best


@pytest.mark.parametrize(
    ("fleet", "best"),
    [
        ([load("works", 1, 9), load("idle", 0, 1)], "idle"),
        ([load("one-free", 1, 2), load("two-free", 1, 3)], "two-free"),
        ([load("large", 4, 5), load("small", 1, 2)], "small"),
        ([load("idle-small", 0, 2), load("idle-large", 0, 5)], "idle-large"),
        ([load("first", 1, 2), load("second", 1, 2)], "first"),
    ],
)
def test_spread_is_the_opposite(fleet: list[Load], best: str) -> None:
    """Idle before working, then most free slots, then the smaller, then the order of the configuration."""
    assert chosen(choose(fleet, strategy=Strategy.SPREAD)) == best


@pytest.mark.parametrize(
    ("strategy", "order"),
    [(Strategy.FILL_FIRST, ["b", "b", "a", "a", "a"]), (Strategy.SPREAD, ["a", "b", "a", "b", "a"])],
)
def test_a_fleet_fills_up(strategy: Strategy, order: list[str]) -> None:
    """Five sessions on machines of 3 and 2 slots, and no room for a sixth."""
    used = {"a": 0, "b": 0}
    for name in order:
        placement = choose([load("a", used["a"], 3), load("b", used["b"], 2)], strategy=strategy)
        assert placement
        assert placement.machine.name == name
        used[name] += 1
    assert choose([load("a", 3, 3), load("b", 2, 2)], strategy=strategy) is None


def test_full_closed_and_avoided_machines_take_nothing() -> None:
    """Only the machine that is none of these is left; one with more used than it has slots is full."""
    fleet = [
        load("full", 2, 2),
        load("over", 3, 2),
        load("closed", 1, 2, closed_until=1e12),
        load("avoided", 1, 2),
        load("open", 0, 2),
    ]
    assert chosen(choose(fleet, avoid=frozenset({"avoided"}))) == "open"
    assert choose(fleet[:-1], avoid=frozenset({"avoided"})) is None
    assert fleet[1].free == 0


def test_every_required_label_must_be_there() -> None:
    """A machine with one of two labels does not do; further labels do not matter."""
    fleet = [load("one", 1, 5, "xcode"), load("both", 0, 1, "gpu", "xcode", "big")]
    placement = choose(fleet, requires=("xcode", "gpu"))
    assert placement
    assert placement.machine.name == "both"
    assert choose(fleet, requires=("docker",)) is None


@pytest.mark.parametrize(
    ("machine", "strategy", "reason"),
    [
        (load("mini1", 2, 3), Strategy.FILL_FIRST, "mini1 already works and has 1 of 3 slots free: fill-first"),
        (load("mini2", 0, 2), Strategy.FILL_FIRST, "mini2 is idle and has 2 of 2 slots free: fill-first"),
        (load("mini2", 0, 2), Strategy.SPREAD, "mini2 is idle and has 2 of 2 slots free: spread"),
    ],
)
def test_the_reason_is_a_sentence_of_facts(machine: Load, strategy: Strategy, reason: str) -> None:
    """Log and report can quote it as it is."""
    placement = choose([machine], strategy=strategy)
    assert placement
    assert placement.reason == reason


@pytest.mark.parametrize("fleet", [[load("full", 1, 1, "xcode")], [load("shut", 0, 1, "xcode", closed_until=1)]])
def test_what_must_only_wait_is_not_unplaceable(fleet: list[Load]) -> None:
    """A full or closed machine will be free again."""
    assert unplaceable(fleet, ("xcode",)) is None


@pytest.mark.parametrize(
    ("labels", "requires", "sentence"),
    [
        (("xcode", "gpu"), ("xcod",), "no machine has the label 'xcod'; did you mean 'xcode'?"),
        (("xcode", "gpu"), ("windows",), "no machine has the label 'windows'; known are gpu, xcode"),
        ((), ("xcode",), "no machine has the label 'xcode'; none has any label"),
        ((), ("machine:mm",), "there is no machine 'mm'; did you mean 'm'?"),
        (("mini",), ("machine:mini",), "there is no machine 'mini'; known are m"),
    ],
)
def test_a_label_that_nobody_has_is_named(labels: tuple[str, ...], requires: tuple[str, ...], sentence: str) -> None:
    """The sentence says which label it is and what there is instead."""
    assert unplaceable([load("m", 0, 1, *labels)], requires) == sentence


@pytest.mark.parametrize("requires", [("b",), ("machine:b",), ("machine:b", "gpu"), ("b", "machine:b")])
def test_a_machine_can_be_required_by_its_name(requires: tuple[str, ...]) -> None:
    """A name, alone or after `machine:`, is that very machine, besides its labels."""
    fleet = [load("a", 0, 1, "gpu"), load("b", 0, 1, "gpu")]
    placement = choose(fleet, requires=requires)
    assert placement
    assert placement.machine.name == "b"
    assert unplaceable(fleet, requires) is None


def test_labels_that_nobody_has_together_are_named() -> None:
    """Each label exists, but not on one machine."""
    fleet = [load("a", 0, 1, "xcode"), load("b", 0, 1, "gpu")]
    assert unplaceable(fleet, ("xcode", "gpu")) == "no machine has all of the labels 'xcode', 'gpu'"


def test_no_fleet_places_nothing() -> None:
    """An empty fleet is a sentence, not a crash."""
    assert unplaceable([], ()) == "there is no machine"
    assert choose([]) is None
