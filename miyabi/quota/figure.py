"""One figure of an account's usage limits: a window, how much of it is used, when it begins anew, and who said so."""

from __future__ import annotations

import re
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

FIVE_HOURS = "five_hour"
SEVEN_DAYS = "seven_day"
UNNAMED = "unnamed"
"""The window of a limit of which nobody says which it is: all of the account's sessions meet it."""

REJECTED, WARNING = "rejected", "allowed_warning"
SAME_SECONDS = 60.0
_MODEL = re.compile(rf"{SEVEN_DAYS}_(?!overage)(\w+)")
_LENGTHS = {FIVE_HOURS: 5 * 3600.0, SEVEN_DAYS: 7 * 86400.0}
_WORDS = {FIVE_HOURS: "5-hour limit", SEVEN_DAYS: "weekly limit", UNNAMED: "usage limit", "overage": "extra usage"}


class Figure(BaseModel):
    """What was said last of one window. Times are seconds since 1970, `utilization` is a share: 1 is all of it.

    `status` is allowed, allowed_warning or rejected; with `uses_extra` it is extra usage, which is paid for, that lets
    sessions go on. `no_margin`: nobody has said when it ends, and `resets_at` is when to try again. `models` are the
    names by which sessions that met it had asked for their model, empty for claude's own default.
    """

    model_config = ConfigDict(frozen=True)

    window: str
    status: str = "allowed"
    utilization: float | None = None
    resets_at: float | None = None
    seen_at: float
    source: str = Field("", description="The session that was told so, as RUN.TASK.ATTEMPT, and its machine")
    uses_extra: bool = False
    no_margin: bool = False
    models: tuple[str, ...] = ()

    @property
    def is_spent(self) -> bool:
        """Whether the window has nothing left."""
        return self.status == REJECTED and self.resets_at is not None

    @property
    def length_seconds(self) -> float | None:
        """How long the window is; None where that is not known."""
        return _LENGTHS.get(SEVEN_DAYS if self.window.startswith(SEVEN_DAYS) else self.window)

    @property
    def ends(self) -> float | None:
        """When the window begins anew: no later than its length after it was spoken of, whatever was said."""
        longest = self.seen_at + 1.1 * (self.length_seconds or _LENGTHS[SEVEN_DAYS])
        return None if self.resets_at is None else min(self.resets_at, longest)

    @property
    def words(self) -> str:
        """The window as people call it."""
        model = _MODEL.fullmatch(self.window)
        return f"weekly limit of {model[1]}" if model else _WORDS.get(self.window, self.window.replace("_", " "))

    @property
    def is_of_a_model(self) -> bool:
        """Whether it limits one family of models only."""
        return _MODEL.fullmatch(self.window) is not None

    def concerns(self, model: str | None) -> bool:
        """Returns whether sessions that ask for the model, None for claude's own default, use the window."""
        family = _MODEL.fullmatch(self.window)
        return family is None or family[1] in (model or "").lower() or (model or "") in self.models

    def is_over(self, now: float) -> bool:
        """Returns whether the window has begun anew since."""
        return self.resets_at is not None and self.resets_at <= now

    def is_same_window(self, other: Self) -> bool:
        """Returns whether both speak of the same five hours, or the same week."""
        if self.resets_at is None or other.resets_at is None:
            return not other.is_over(self.seen_at)
        return abs(self.resets_at - other.resets_at) <= SAME_SECONDS

    def merged(self, other: Self) -> Self:
        """Returns the one of two figures of a window that holds: that of the later five hours, or week.

        In the same ones a spent window is opened by nothing, and what is used only grows: a stream that is read again,
        an answer that was under way, and clocks that differ would else open what has been closed. It does not matter
        in which order, or how often, figures are merged.
        """
        first, second = sorted((self, other), key=_rank)
        return second.model_copy(update={"models": tuple(sorted({*first.models, *second.models}))})


def _rank(figure: Figure) -> tuple[int, bool, float, float, str]:
    """Later windows first, with ends to the minute."""
    ends = figure.seen_at if figure.ends is None else figure.ends
    used = -1.0 if figure.utilization is None else figure.utilization
    said = figure.model_dump_json(exclude={"models"})
    return round(ends / SAME_SECONDS), figure.is_spent, used, figure.seen_at, said
