"""What this run knows of one machine's slots: which it holds, which it asks for, and when it is worth asking again."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

from miyabi.machines import Cordon, Load, Machine, Window
from miyabi.system import LOOK_SECONDS, Backoff
from tasks.concurrency import Lease

_BACKOFF = Backoff(0.5, 8, jitter=0.33)
TRIALS = Backoff(30, 300)
"""After so many seconds a machine that was sick is tried again, longer each time."""


@dataclass(slots=True, kw_only=True, eq=False)
class MachineState:
    """One machine. Times are the loop's, except `closed_until`, which is the clock's (seconds since 1970).

    `broken` is why it takes nothing more in this run, `taken_out` why the operator lets it take nothing now.
    `cordon` is the same for a while, in which what has begun there may be joined.
    One that is broken may be tried again at `tried_at`: `on_trial` it gets one slot at a time, which `trial` is.
    `ending` are the slots that are about to be free, as far as their tasks know.
    """

    machine: Machine
    held: int = 0
    asking: int = 0
    returning: int = 0
    spares: list[Lease] = field(default_factory=list)
    full_until: float = 0.0
    closed_until: float | None = None
    granted_at: float = 0.0
    broken: Exception | None = None
    taken_out: str = ""
    cordon: Cordon | None = None
    tried_at: float | None = None
    on_trial: bool = False
    trial: Lease | None = None
    _times_sick: int = 0
    ending: set[Lease] = field(default_factory=set)
    _window: tuple[float, Window] | None = None
    _refusals: int = 0

    def load(self, now: float) -> Load:
        """Returns the machine as `placement` sees it; `now` is the loop's time, in seconds.

        Slots that others have taken count as used until it is time to ask.
        """
        used = self.held + self.asking + self.returning
        if self.full_until > now:
            used = max(used, self.machine.slots - len(self.spares))
        if self.on_trial:
            used = max(used, self.machine.slots - (0 if self.trial or self.asking else 1))
        return Load(machine=self.machine, used=used, closed_until=self._closed_until)

    @property
    def is_closed(self) -> bool:
        """Whether it takes nothing at present, at whatever hour."""
        return self._closed_until is not None

    @property
    def _closed_until(self) -> float | None:
        if self.broken or self.taken_out:
            return math.inf
        until = self.closed_until or 0.0
        return until if until > time.time() else None

    @property
    def window(self) -> Window | None:
        """When it takes sessions, now or else next; None where it always does. Found once for each such time."""
        now = time.time()
        if self._window and self._window[0] <= now < self._window[1].closes:
            return self._window[1]
        window = self.machine.window(now)
        self._window = (now, window) if window else None
        return window

    def has_time(self, seconds: float | None) -> bool:
        """Returns whether what takes so many seconds may begin here, as far as the machine's hours and a cordon say.

        None is what has begun already: it may be joined at any hour.
        """
        now, window = time.time(), self.window
        if seconds is None or (window is None and not self.is_cordoned):
            return True
        if self.is_cordoned or window is None:
            return False
        return window.opens <= now and window.has_room(seconds, now=now)

    @property
    def is_cordoned(self) -> bool:
        """Whether somebody has taken it out for a while that is not over."""
        return self.cordon is not None and self.cordon.holds(time.time())

    @property
    def is_whole(self) -> bool:
        """Whether it takes sessions, now or by itself at another time."""
        return not (self.broken or self.taken_out or self.is_cordoned)

    @property
    def is_restricted(self) -> bool:
        """Whether what may begin here is not the same at all times."""
        return self.window is not None or self.cordon is not None

    @property
    def is_open(self) -> bool:
        """Whether sessions may begin here at present, full or not."""
        return not self.is_closed and self.has_time(0.0)

    @property
    def is_busy(self) -> bool:
        """Whether it is our own sessions that fill it."""
        return self.held > 0 and self.is_open

    @property
    def may_grant(self) -> bool:
        """Whether a slot of it that is free here may be given to a task: on trial only one is."""
        return not (self.on_trial and self.trial)

    def note_sick(self, error: Exception, *, now: float, is_tried_again: bool) -> None:
        """Notes that it takes nothing more, at `now` of the loop: for 30 s, twice as long each time, at most 5 min.

        Others that fail there meanwhile have begun before.
        """
        if self.broken is None:
            self._times_sick += 1
            self.tried_at = now + TRIALS.seconds(self._times_sick)
        if not is_tried_again:
            self.tried_at = None
        self.broken, self.on_trial, self.trial = error, False, None

    def begin_trial(self, now: float) -> None:
        """Puts it on trial, if it is time."""
        if self.broken and self.tried_at is not None and self.tried_at <= now:
            self.broken, self.tried_at, self.on_trial = None, None, True

    def note_sound(self) -> None:
        """Notes that its trial went well: it is whole."""
        self.on_trial, self.trial, self._times_sick = False, None, 0

    def note_taken(self, now: float, *, retry_seconds: float) -> None:
        """Notes that others have every slot: it is not asked again for a while.

        That is `retry_seconds`, but at least 0.5 s, and at most 0.5 s, doubled with each refusal up to 8 s.
        """
        self._refusals += 1
        self.full_until = now + min(max(retry_seconds, _BACKOFF.first_seconds), _BACKOFF.seconds(self._refusals))

    def note_granted(self) -> None:
        """Notes that a slot was free: the next refusal counts as the first."""
        self.full_until = 0.0
        self._refusals = 0

    def seconds_to_news(self, now: float) -> float | None:
        """Returns after how many seconds to look again; None where only a slot that we hold can change anything."""
        if self.broken and self.tried_at is not None:
            return max(self.tried_at - now, 0.01)
        if self.broken or self.taken_out:
            return None
        wait = max(self.full_until - now, (self.closed_until or 0.0) - time.time())
        if self.is_restricted:  # by a clock that may be set
            return min(wait, LOOK_SECONDS) if wait > 0 else LOOK_SECONDS
        return wait if wait > 0 else None
