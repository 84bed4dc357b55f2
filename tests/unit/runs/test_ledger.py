"""The count of what sessions have spent, over runs, days and orchestrators."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from miyabi.errors import LedgerUnusable
from miyabi.runs import Spent
from miyabi.runs.ledger import LEDGER_FILE, LedgerEntry, SpendingLedger

ENTRY = LedgerEntry(run="r", session="t.1", task="t", milestone="m", account="a", spent=Spent(usd=0.5, tokens=10))


def ledger(folder: Path, *, day: int = 1) -> SpendingLedger:
    """A ledger on that day, as another orchestrator has it each time."""
    return SpendingLedger(folder / LEDGER_FILE, now=lambda: datetime(2026, 1, day, 23, 59, tzinfo=UTC))


def amount(usd: float, *, is_over: bool = False) -> LedgerEntry:
    """The one session, with another amount."""
    return replace(ENTRY, spent=Spent(usd=usd, tokens=int(usd * 20)), is_over=is_over)


def test_what_is_noted_again_counts_once(tmp_path: Path) -> None:
    """By whom ever it is noted; whoever reads the stream anew, from its beginning, takes nothing back."""
    for usd in (0.5, 1.5, 0.5):
        ledger(tmp_path).note(amount(usd))
    assert (tmp_path / LEDGER_FILE).stat().st_mode & 0o777 == 0o600
    assert ledger(tmp_path).spent(run="r") == Spent(usd=1.5, tokens=30)
    ledger(tmp_path).note(amount(1.4, is_over=True))
    assert ledger(tmp_path).spent(run="r") == Spent(usd=1.4, tokens=28)


def test_scopes(tmp_path: Path) -> None:
    """A sum is over those sessions that have all that is asked for, whatever their run."""
    with_other = ledger(tmp_path)
    for entry in (ENTRY, replace(ENTRY, run="s"), replace(ENTRY, run="s", session="u.1", task="u", account="b")):
        with_other.note(replace(entry, is_over=True))
    asked = [{"run": "s"}, {"run": "s", "task": "u"}, {"milestone": "m"}, {"account": "a", "day": "2026-01-01"}]
    assert [with_other.spent(**where).usd for where in asked] == [1.0, 0.5, 1.5, 1.0]
    assert with_other.spent(account="a", day="2026-01-02") == Spent()


def test_midnight(tmp_path: Path) -> None:
    """A session over midnight is counted on each day with what it spent then."""
    ledger(tmp_path).note(amount(1))
    ledger(tmp_path, day=2).note(amount(3, is_over=True))
    found = ledger(tmp_path)
    assert [found.spent(account="a", day=f"2026-01-0{day}").usd for day in (1, 2)] == [1, 2]
    found.take_in([amount(3, is_over=True)], days=["2026-01-02"])
    assert found.spent(milestone="m").usd == 3


def test_a_question_counts_what_is_not_written_yet(tmp_path: Path) -> None:
    """Written is once a second; who asks in the same process knows all that was said."""
    ours = ledger(tmp_path)
    assert ours.note(amount(1))
    assert not ours.note(amount(2))
    assert ledger(tmp_path).spent(run="r").usd == 1
    assert ours.spent(run="r").usd == 2


def test_who_counts_again_does_not_change_the_account(tmp_path: Path) -> None:
    """Another repository's configuration does not know the machine on which a session ran."""
    ledger(tmp_path).note(ENTRY)
    ledger(tmp_path).take_in([replace(ENTRY, account="")], days=["2026-01-01"])
    assert ledger(tmp_path).spent(account="a").usd == 0.5
    assert [each.account for each in ledger(tmp_path).unfinished()] == ["a"]


def test_a_damaged_file_is_moved_aside(tmp_path: Path) -> None:
    """What it held is counted anew from the runs' folders."""
    (tmp_path / LEDGER_FILE).write_text("no database, and long enough to be taken for one" * 100)
    assert ledger(tmp_path).spent(run="r") == Spent()
    assert (tmp_path / f"{LEDGER_FILE}.damaged").exists()


def test_damage_in_the_midst_of_the_file(tmp_path: Path) -> None:
    """It is moved aside as well, where only what was counted cannot be read."""
    ours, file = ledger(tmp_path), tmp_path / LEDGER_FILE
    ours.take_in([replace(ENTRY, run=f"r{n}") for n in range(200)], days=["2026-01-01"] * 200)
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    assert ours.spent(run="r1") == Spent()
    assert (tmp_path / f"{LEDGER_FILE}.damaged").exists()


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    """Sessions go on; who asks whether to begin another is told."""
    (tmp_path / "file").touch()
    ours = ledger(tmp_path / "file")
    assert not ours.note(ENTRY)
    with pytest.raises(LedgerUnusable, match=r"file/spending\.db: .*\. The count of what was spent is kept there"):
        ours.spent(run="r")


def test_a_day_is_one_of_this_computer(tmp_path: Path) -> None:
    """The clock on the wall says when an account's day begins."""
    now = datetime.now().astimezone()
    assert SpendingLedger(tmp_path / LEDGER_FILE).today in {f"{now:%Y-%m-%d}", f"{now + timedelta(seconds=9):%Y-%m-%d}"}
