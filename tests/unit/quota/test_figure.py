"""Figures of a window are merged in any order, and what closes it is not opened by what was said before."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import pytest

from miyabi.quota import REJECTED, AccountQuota, Figure, QuotaBook, QuotaRules, StartSpread
from miyabi.settings import QuotaSettings

HOUR = 3600.0
NOW = 1_800_000_000.0


def rejected(seen_at: float, *, resets_at: float = NOW + HOUR, window: str = "five_hour", **more: Any) -> Figure:
    """A limit that was met."""
    return Figure(window=window, status=REJECTED, resets_at=resets_at, seen_at=seen_at, **more)


def allowed(seen_at: float, *, used: float = 0.5, resets_at: float = NOW + HOUR, window: str = "five_hour") -> Figure:
    """A window that is open."""
    status = "allowed_warning" if used > 0.8 else "allowed"
    return Figure(window=window, status=status, utilization=used, resets_at=resets_at, seen_at=seen_at)


def quota(*figures: Figure) -> AccountQuota:
    """What is known after these were noted."""
    return AccountQuota().noting(figures)


@pytest.mark.parametrize("seed", range(20))
def test_the_order_of_merging_does_not_matter(seed: int) -> None:
    """However states meet, all end with the same, and meeting again changes nothing."""
    dice = random.Random(seed)  # noqa: S311 - repeatable figures, no secret
    figures = [dice.choice([rejected, allowed])(NOW + dice.uniform(0, 200), resets_at=NOW + 120) for _ in range(4)]
    states = [quota(figure).model_copy(update={"marks": {}}) for figure in figures]
    ends = set()
    for order in itertools.permutations(states):
        whole = AccountQuota()
        for state in (*order, order[0]):
            whole = whole.merged(state)
        ends.add(whole.model_dump_json())
    assert len(ends) == 1


@pytest.mark.parametrize(
    ("later", "resets_at", "is_open"),
    [(-100, NOW + HOUR, False), (900, NOW + HOUR, False), (900, NOW + HOUR + 7, False), (900, NOW + 3 * HOUR, True)],
)
def test_what_opens_a_closed_window(later: float, resets_at: float, *, is_open: bool) -> None:
    """No word of the same window, whenever it is read, but one of a later window."""
    rules = QuotaRules(settings=QuotaSettings())
    known = quota(rejected(NOW)).merged(quota(allowed(NOW + later, resets_at=resets_at)))
    assert (rules.hold(known, model=None, now=NOW + 901) is None) is is_open


def test_an_end_that_no_window_has_is_overcome() -> None:
    """A limit that would last for years is forgotten as soon as somebody says otherwise."""
    known = quota(rejected(NOW, resets_at=NOW + 9000 * HOUR)).noting([allowed(NOW + HOUR, resets_at=NOW + 6 * HOUR)])
    assert not known.figures["five_hour"].is_spent


def test_an_end_that_no_window_has_closes_nothing_for_ever() -> None:
    """Nobody is told of a later window while nothing begins: the account is tried when its window must be over."""
    rules, said = QuotaRules(settings=QuotaSettings()), quota(rejected(NOW, resets_at=NOW + 9000 * HOUR))
    assert rules.hold(said, model=None, now=NOW + 5 * HOUR)
    assert rules.hold(said, model=None, now=NOW + 6 * HOUR) is None


def test_a_window_opens_after_its_reset_and_a_margin() -> None:
    """Not a second before."""
    rules, known = QuotaRules(settings=QuotaSettings(), margin_seconds=60), quota(rejected(NOW))
    hold = rules.hold(known, model=None, now=NOW)
    assert hold
    assert (hold.until, hold.why) == (NOW + HOUR + 60, "the 5-hour limit")
    assert rules.hold(known, model=None, now=hold.until - 1)
    assert rules.hold(known, model=None, now=hold.until) is None


def test_a_limit_of_a_model_holds_back_its_tasks_alone() -> None:
    """And those of claude's default, where a session without a model has met it."""
    rules = QuotaRules(settings=QuotaSettings())
    known = quota(rejected(NOW, window="seven_day_opus"))
    holds = {model: rules.hold(known, model=model, now=NOW) for model in ("claude-opus-5", "opus", "sonnet", None)}
    assert [name for name, hold in holds.items() if hold and hold.is_of_a_model] == ["claude-opus-5", "opus"]
    met = known.noting([rejected(NOW, window="seven_day_opus").model_copy(update={"models": ("",)})])
    assert rules.hold(met, model=None, now=NOW)
    assert rules.hold(met, model="sonnet", now=NOW) is None


@pytest.mark.parametrize(("never", "is_held"), [(True, True), (False, False)])
def test_extra_usage(*, never: bool, is_held: bool) -> None:
    """It closes the account as a limit does, unless it is allowed."""
    rules = QuotaRules(settings=QuotaSettings(never_use_extra_usage=never))
    assert bool(rules.hold(quota(rejected(NOW, uses_extra=True)), model=None, now=NOW)) is is_held


def test_pace() -> None:
    """After a warning nothing begins before as much of the time is over as is used; without one all goes on."""
    rules = QuotaRules(settings=QuotaSettings(pace=True))
    warned = allowed(NOW, used=0.9, resets_at=NOW + 2.5 * HOUR)  # half of the time is over
    hold = rules.hold(quota(warned), model=None, now=NOW)
    assert hold
    assert hold.until == pytest.approx(NOW + 2 * HOUR)
    assert not hold.is_limit
    assert rules.hold(quota(allowed(NOW, used=0.7, resets_at=NOW + 2.5 * HOUR)), model=None, now=NOW) is None
    soon = QuotaRules(settings=QuotaSettings(pace=True), night_ends=NOW + HOUR)
    hold = soon.hold(quota(warned), model=None, now=NOW)
    assert hold
    assert hold.until == pytest.approx(NOW - 2.5 * HOUR + 0.9 * 3.5 * HOUR)  # it is to last to the end of the night
    assert QuotaRules(settings=QuotaSettings()).hold(quota(warned), model=None, now=NOW) is None


def test_a_week_is_not_eaten_in_a_day() -> None:
    """What is used from noon to noon is at most the share; the next noon all goes on."""
    rules, ends = QuotaRules(settings=QuotaSettings(weekly_share=0.2)), NOW + 90 * HOUR
    known = AccountQuota()
    for hours, used in ((0, 0.1), (1, 0.25), (2, 0.31)):
        known = known.noting([allowed(NOW + hours * HOUR, used=used, resets_at=ends, window="seven_day")])
        assert (rules.hold(known, model=None, now=NOW + hours * HOUR) is not None) is (used > 0.3)
    hold = rules.hold(known, model=None, now=NOW + 2 * HOUR)
    assert hold
    assert "day's share of the weekly limit" in hold.why
    assert 0 < hold.until - NOW <= 24 * HOUR
    next_day = known.noting([allowed(hold.until + 1, used=0.32, resets_at=ends, window="seven_day")])
    assert rules.hold(next_day, model=None, now=hold.until + 1) is None


def test_sessions_begin_one_by_one_after_the_opening() -> None:
    """Between two there is a step; an account that has been open for long makes nobody wait."""
    spread = StartSpread(margin_seconds=60, slots=4, offset=0.5)
    planned = [spread.plan(opened=NOW, now=NOW + number) for number in range(4)]
    assert planned == [NOW + 7.5, NOW + 22.5, NOW + 37.5, NOW + 52.5]
    assert spread.plan(opened=NOW, now=NOW + HOUR) == NOW + HOUR


def test_a_file_outlives_the_process(tmp_path: Path) -> None:
    """Another process reads it, a damaged one is begun anew, and of two that write nothing is lost."""
    file = tmp_path / "home" / "quota.json"
    one, two = QuotaBook(file), QuotaBook(file)
    one.note("a", [rejected(NOW)])
    two.note("b", [rejected(NOW)])
    one.sync()
    two.sync()
    assert QuotaBook.parse(file.read_text()).keys() == {"a", "b"}
    file.write_text("{ torn")
    assert QuotaBook.parse(file.read_text()) == {}
    fresh = QuotaBook(file)
    fresh.note("c", [rejected(NOW)])
    fresh.sync()
    assert QuotaBook.parse(file.read_text())["c"].figures["five_hour"].is_spent


def test_who_listens_hears_of_each_closing_once() -> None:
    """Not of other figures, nor after the context."""
    book, heard = QuotaBook(), []
    with book.on_closing(lambda: heard.append(1)):
        book.note("", [allowed(NOW)])
        book.note("", [rejected(NOW)])
        book.note("", [rejected(NOW)])
    book.note("", [rejected(NOW + 5, resets_at=NOW + 2 * HOUR)])
    assert len(heard) == 1
