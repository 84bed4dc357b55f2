"""Which milestone is meant: a number, a title, or the one that is next due."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from miyabi.errors import BadInput
from miyabi.github import Milestone
from miyabi.milestones import choose_milestone
from miyabi.milestones.lookup import next_due
from tests.support.values.milestones import milestone


def due(number: int, day: int | None = None, **fields: object) -> Milestone:
    """A milestone with open issues, due on that day of December."""
    date = datetime(2026, 12, day, tzinfo=UTC) if day else None
    return milestone(number, title=f"v{number}", due_on=date, **{"open_issues": 2, **fields})


KNOWN = (
    due(1, 1, state="closed"),
    due(2, 20),
    due(3, 10),
    due(4),
    due(5, 2, open_issues=0),
    milestone(6, title="Später  設計"),
    milestone(7, title="12"),
    milestone(8, title="Twice", state="closed"),
    milestone(9, title="twice"),
)


@pytest.mark.parametrize(
    ("wanted", "number"),
    [
        ("3", 3),
        ("#3", 3),
        (" 03 ", 3),
        ("1", 1),
        ("v2", 2),
        ("V2", 2),
        ("später 設計", 6),
        ("12", 7),
        ("twice", 9),
        ("Twice", 9),
        ("next due", 3),
        ("Next  Due", 3),
    ],
)
def test_what_is_wanted(wanted: str, number: int) -> None:
    """A number before a title, in any case and spacing; of two titles the open one; `next due` is the earliest."""
    assert choose_milestone(KNOWN, wanted).number == number


def test_overdue_before_all_and_undated_last() -> None:
    """The earliest date wins, also in the past; without any date it is the lowest number."""
    assert next_due([due(4), due(2, 20), due(3, 10)]) == due(3, 10)
    assert next_due([due(9), due(4)]) == due(4)
    assert next_due([due(2, 5), due(1, 5)]) == due(1, 5)


def test_one_with_nothing_open_is_passed_over() -> None:
    """Unless it is to be closed."""
    assert choose_milestone(KNOWN, "next due", finished=True).number == 5
    assert next_due([due(5, 2, open_issues=0)]) is None


@pytest.mark.parametrize("wanted", ["v22", "99", "", "²", "0"])
def test_an_unknown_one_is_refused(wanted: str) -> None:
    """One line with what was asked for and those that there are, open ones first."""
    with pytest.raises(BadInput) as caught:
        choose_milestone(KNOWN[:4], wanted)
    assert str(caught.value) == (
        f"milestone '{wanted}': there is no such milestone. There are: 2 “v2” (open, due 2026-12-20),"
        " 3 “v3” (open, due 2026-12-10), 4 “v4” (open), 1 “v1” (closed, due 2026-12-01)."
        " Give a number, a title or 'next due'."
    )


def test_of_many_only_some_are_named() -> None:
    """Two hundred milestones with long titles do not make a page of an error."""
    many = [milestone(n, title=f"{n} {'very long ' * 30}\nand a line") for n in range(1, 201)]
    with pytest.raises(BadInput, match="and 190 more") as caught:
        choose_milestone(many, "v1")
    assert len(str(caught.value)) < 1500
    assert "\n" not in str(caught.value)


def test_nothing_is_due() -> None:
    """Said as such, with what there is."""
    with pytest.raises(BadInput, match=r"'next due': none is open with open issues\. There are: 1 “v1” \(closed"):
        choose_milestone([due(1, 1, state="closed")], "next due")
    with pytest.raises(BadInput, match=r"There are no milestones at all\."):
        choose_milestone([], "v1")
