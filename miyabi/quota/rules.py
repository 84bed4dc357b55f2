"""When sessions may begin on an account, by what is known of its limits. Pure."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from miyabi.quota.account import AccountQuota, day_ends
from miyabi.quota.figure import REJECTED, SEVEN_DAYS, WARNING, Figure
from miyabi.settings import QuotaSettings
from miyabi.text import percent


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Nothing begins before `until`, seconds since 1970; `why` says for what it is waited, `5-hour limit`.

    `is_limit`: claude would refuse; else it is we who save something.
    """

    until: float
    why: str
    is_limit: bool = True
    is_of_a_model: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaRules:
    """The rules of a run.

    Args:
        settings: its `[quota]`.
        margin_seconds: after a window's end nothing begins for so long.
        night_ends: when the run is to be over, seconds since 1970; infinite where it has no such hour.
    """

    settings: QuotaSettings
    margin_seconds: float = 60.0
    night_ends: float = math.inf

    def hold(self, quota: AccountQuota, *, model: str | None, now: float) -> Hold | None:
        """Finds what keeps a session that asks for this model from beginning on the account now; the longest hold."""
        return max(self._holds(quota, model=model, now=now), key=lambda hold: hold.until, default=None)

    def opened(self, quota: AccountQuota, *, now: float) -> float:
        """Returns when the account opened last, as far as is known; 0 where it did not."""
        ends = (self._opens(figure) for figure in quota.figures.values() if self.is_closing(figure))
        return max((end for end in ends if end <= now), default=0.0)

    def is_closing(self, figure: Figure) -> bool:
        """Returns whether the figure closes its window: it is spent, and not to be prolonged by extra usage."""
        return figure.is_spent and (self.settings.never_use_extra_usage or not figure.uses_extra)

    def _holds(self, quota: AccountQuota, *, model: str | None, now: float) -> Iterator[Hold]:
        for figure in quota.figures.values():
            if not figure.concerns(model):
                continue
            of = {"is_of_a_model": figure.is_of_a_model}
            if self.is_closing(figure) and (until := self._opens(figure)) > now:
                yield Hold(until=until, why=f"the {figure.words}{self._of_extra(figure)}", **of)
            elif not figure.is_over(now):
                if (until := self._paced(figure)) > now:
                    used = percent(figure.utilization or 0.0)
                    yield Hold(until=until, why=f"the {figure.words}, of which {used} is used", is_limit=False, **of)
                if (until := self._after_share(quota, figure)) > now:
                    yield Hold(until=until, why=f"the day's share of the {figure.words}", is_limit=False, **of)

    def _of_extra(self, figure: Figure) -> str:
        return ", as never_use_extra_usage is set" if figure.uses_extra else ""

    def _opens(self, figure: Figure) -> float:
        return (figure.ends or 0.0) + (0.0 if figure.no_margin else self.margin_seconds)

    def _paced(self, figure: Figure) -> float:
        """When as much of the time is over as is used of the window: of the window's own, or of the night's."""
        length, used, resets_at = figure.length_seconds, figure.utilization, figure.resets_at
        if not self.settings.pace or figure.status != WARNING or length is None or used is None or resets_at is None:
            return 0.0
        begins = resets_at - length
        return begins + min(used, 1.0) * (min(resets_at, max(self.night_ends, begins)) - begins)

    def _after_share(self, quota: AccountQuota, figure: Figure) -> float:
        share, mark = self.settings.weekly_share, quota.marks.get(figure.window)
        if share is None or mark is None or figure.utilization is None or figure.status == REJECTED:
            return 0.0
        if not figure.window.startswith(SEVEN_DAYS) or figure.utilization - mark.utilization < share:
            return 0.0
        return min(day_ends(mark.day), figure.resets_at or math.inf)


@dataclass(kw_only=True)
class StartSpread:
    """The starts on one account that has just opened, as one orchestrator plans them: all at once meet the next limit.

    Times are seconds since 1970.

    Args:
        margin_seconds: for so long after it has opened sessions begin one by one.
        slots: so many of them are spread over that time.
        offset: which part of a step after the opening the first of them begins; another one for each orchestrator.
    """

    margin_seconds: float
    slots: int
    offset: float = field(default_factory=random.random)
    _last: float = field(default=0.0, init=False)

    @property
    def step_seconds(self) -> float:
        """Between two starts there is so much at least."""
        return self.margin_seconds / max(self.slots, 1)

    def plan(self, *, opened: float, now: float) -> float:
        """Returns when the next session begins, which is now where the account has been open for long."""
        step = self.step_seconds
        if now >= opened + self.margin_seconds + step:
            return now
        self._last = max(now, opened + self.offset * step, self._last + step)
        return self._last
