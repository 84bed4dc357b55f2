"""What a run knows of the machines that somebody has taken out for a while, and how a session ends that was told so."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from miyabi.machines import Cordon, Machine
from miyabi.runs.deadline import ACTIVE_HOURS
from miyabi.sessions import Outcome, SessionResult

DRAINED = "drained"
"""Kind of the error of a session that was told to end since its machine is to be empty."""

MOVES_ON = frozenset({ACTIVE_HOURS, DRAINED})
"""Kinds of errors of sessions that others have ended: no attempt is counted, and any machine may go on."""


@dataclass(slots=True)
class Cordons:
    """Those that hold, by machine, as the Prefect server said last; and until when sessions were told to end."""

    found: Mapping[str, Cordon] = field(default_factory=dict)
    _told: dict[str, tuple[float, str]] = field(default_factory=dict)

    def note(self, found: Mapping[str, Cordon]) -> None:
        """Takes what the server says now."""
        now = time.time()
        self.found = found
        for name, cordon in found.items():
            if self.empties(name):
                self._told[name] = (now, cordon.words(now))

    def __contains__(self, machine: object) -> bool:
        """Whether nothing begins on the machine of that name now."""
        cordon = self.found.get(str(machine))
        return cordon is not None and cordon.holds(time.time())

    @property
    def empties_any(self) -> bool:
        """Whether sessions are told to end somewhere."""
        return any(map(self.empties, self.found))

    def empties(self, machine: str) -> bool:
        """Returns whether the sessions of the machine of that name are told to end."""
        return machine in self and self.found[machine].now

    def others(self, machine: str, fleet: Collection[Machine], requires: Collection[str]) -> bool:
        """Returns whether another machine than the cordoned one of that name may take what requires these labels."""
        able = (each for each in fleet if each.name != machine and each.name not in self)
        return machine in self and any(frozenset(requires) <= each.offers for each in able)

    def words(self, fleet: Collection[Machine]) -> str:
        """Says which machines of the fleet are out, and that the run waits where all are; empty where none is."""
        now = time.time()
        out = [f"{each.name} is {self.found[each.name].words(now)}" for each in fleet if each.name in self]
        if not out:
            return ""
        waits = ": no machine is left, and the run waits" if len(out) == len(fleet) else ""
        return f"{'; '.join(out)}{waits}."

    def explained(self, result: SessionResult) -> SessionResult:
        """Returns the result of a session that nobody else has stopped, with the reason where it was told to end."""
        told, words = self._told.get(result.machine or "", (0.0, ""))
        is_own = result.outcome is Outcome.STOPPED and result.error_kind not in MOVES_ON
        if not is_own or result.start is None or result.start.timestamp() > told:
            return result
        why = f"{DRAINED}: {result.machine} was {words}; its task goes on elsewhere"
        return result.model_copy(update={"error_kind": DRAINED, "error_text": why})
