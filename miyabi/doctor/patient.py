"""What a rule looks at: a machine, its facts, and what is known here; `Rule` is one look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from miyabi.doctor.facts import Facts
from miyabi.doctor.finding import HealthFinding, Kind
from miyabi.machines import Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """A machine as the rules see it. Times are seconds since 1970 by the clock here."""

    machine: Machine
    facts: Facts
    sent: float
    """When the probe was sent; its own clock was read between then and `answered`."""
    answered: float
    claude: str = ""
    """Version of Claude Code there; empty where it is not known or does not matter."""
    login_ends: str = ""
    """What `claude auth status` says of the end of the login, as ISO 8601; empty where it says nothing."""
    token_file: str | None = None
    needs_login: bool = True
    """Whether sessions there run claude: a rehearsal does not."""
    configured: frozenset[str] = frozenset()
    """Variables that the configuration sets for its sessions."""
    runs: frozenset[str] = frozenset()
    """Runs of this clone that nobody works on at the moment."""
    clashes: tuple[str, ...] = ()
    """Paths of the base that differ from another one in case only."""

    @property
    def is_mac(self) -> bool:
        """Whether it runs macOS."""
        return self.facts.text("system") == "Darwin"

    @property
    def is_xcode(self) -> bool:
        """Whether one of its labels promises Xcode."""
        return any("xcode" in label.lower() for label in self.machine.labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A kind of finding, and the look that makes one: it says what it found, or nothing where all is well."""

    kind: Kind
    look: Callable[[Patient], str]

    def apply(self, patient: Patient) -> HealthFinding | None:
        """Makes the finding, with the machine's own words in what mends it; None where all is well."""
        what = self.look(patient)
        if not what:
            return None
        return self.kind.finding(
            what,
            user=patient.facts.text("user"),
            workspace=patient.machine.workspace,
            token=patient.token_file or "TOKEN_FILE",
            claude=patient.machine.claude,
            slots=str(patient.machine.slots),
        )
