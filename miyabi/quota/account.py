"""What is known of the usage limits of one Claude account, by everybody who has said something of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from miyabi.quota.figure import Figure

_NOON = 12


class Mark(BaseModel):
    """How much of a window was used when a day began, which is a noon, so that a night is one. Seconds since 1970."""

    model_config = ConfigDict(frozen=True)

    day: float
    utilization: float

    def merged(self, other: Self) -> Self:
        """Returns that of the later day, of one day that of its beginning."""
        return max(self, other, key=lambda each: (each.day, -each.utilization))


class AccountQuota(BaseModel):
    """The windows of an account, by name, and for windows of a week how the day began."""

    model_config = ConfigDict(frozen=True)

    account: str = ""
    figures: dict[str, Figure] = Field(default_factory=dict)
    marks: dict[str, Mark] = Field(default_factory=dict)

    @classmethod
    def read(cls, value: object, *, account: str) -> Self:
        """Reads the state of an account; an empty one where that is damaged."""
        try:
            return cls.model_validate(value).model_copy(update={"account": account})
        except ValidationError:
            return cls(account=account)

    def noting(self, figures: Iterable[Figure]) -> Self:
        """Returns what is known with these figures too."""
        known = self
        for figure in figures:
            marks = {figure.window: mark} if (mark := known._mark(figure)) else {}
            news = AccountQuota(account=self.account, figures={figure.window: figure}, marks=marks)
            known = known.merged(news)
        return known

    def merged(self, other: AccountQuota) -> Self:
        """Returns what two that were told of the account know together; their order does not matter."""
        figures, marks = dict(self.figures), dict(self.marks)
        for window, figure in other.figures.items():
            figures[window] = figures[window].merged(figure) if window in figures else figure
        for window, mark in other.marks.items():
            marks[window] = marks[window].merged(mark) if window in marks else mark
        return self.model_copy(update={"figures": figures, "marks": marks})

    def _mark(self, figure: Figure) -> Mark | None:
        """How the day began, where this figure is the first that is known of it."""
        day, known = day_began(figure.seen_at), self.marks.get(figure.window)
        if figure.utilization is None or (known and known.day >= day):
            return None
        last = self.figures.get(figure.window)
        if last is None or last.utilization is None:
            return Mark(day=day, utilization=figure.utilization)
        return Mark(day=day, utilization=last.utilization if figure.is_same_window(last) else 0.0)


def day_began(now: float) -> float:
    """Returns the last noon by this computer's clock, all in seconds since 1970."""
    here = datetime.fromtimestamp(now).astimezone()
    noon = here.replace(hour=_NOON, minute=0, second=0, microsecond=0, tzinfo=None)
    return (noon if here.hour >= _NOON else noon - timedelta(days=1)).astimezone().timestamp()


def day_ends(now: float) -> float:
    """Returns the next noon."""
    noon = datetime.fromtimestamp(day_began(now)) + timedelta(days=1)  # noqa: DTZ006 - the clock's own day
    return noon.astimezone().timestamp()
