"""What the doctor says: `HealthFinding`, each of a `Kind`; and all of it, as `miyabi check --json` prints it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from miyabi.machines import Machine
from miyabi.runs import MachineReport
from miyabi.views import Answer


class Severity(StrEnum):
    """How grave a finding is; the order is that in which they are shown."""

    ERROR = "error"  # sessions cannot work there
    WARNING = "warning"  # a night will suffer from it
    NOTE = "note"  # worth knowing, and maybe meant


class HealthFinding(BaseModel):
    """One thing that is wrong."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(description="Of its kind: a row of the table in docs/operations.md")
    severity: Severity = Field(description="error: no session; warning: a night suffers; note: maybe it is meant so")
    what: str = Field(description="What was found")
    why: str = Field(description="Why it matters at night")
    mend: str = Field(description="The command, or what to do; empty where `what` says it")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """All that is known of a finding before there is one; a row of the table in `docs/operations.md`."""

    id: str
    severity: Severity
    when: str
    why: str
    mend: str
    """The command, or what to do; `{user}`, `{workspace}`, `{token}`, `{claude}` and `{slots}` are the machine's."""

    def finding(self, what: str, **values: str) -> HealthFinding:
        """Makes a finding of it; `values` fill the braces of `mend`."""
        mend = self.mend
        for name, value in values.items():
            mend = mend.replace(f"{{{name}}}", value)
        return HealthFinding(id=self.id, severity=self.severity, what=what, why=self.why, mend=mend)


class CheckedMachine(BaseModel):
    """What was found of one machine."""

    model_config = ConfigDict(frozen=True)

    machine: str = Field(description="Name of the machine, as in the configuration")
    host: str | None = Field(description="Address or alias; null: the orchestrator's own computer")
    slots: int
    fit: bool = Field(description="Whether it can take sessions: no finding is an error")
    system: str | None = Field(description="Kernel and processor; null, as what follows, where it can take no session")
    git: str | None
    claude: str | None = Field(description="Version of Claude Code; `rehearsal` where nobody asked for it")
    free_mib: int | None = Field(description="Free at the workspace, in MiB; null as well where it is not to be known")
    findings: tuple[HealthFinding, ...] = Field(description="The gravest first")

    @classmethod
    def of(cls, machine: Machine, report: MachineReport | None, findings: tuple[HealthFinding, ...]) -> CheckedMachine:
        """Makes it of what the machine said of itself, if it could be asked, and of what was found."""
        return cls(
            machine=machine.name,
            host=machine.host,
            slots=machine.slots,
            fit=all(finding.severity is not Severity.ERROR for finding in findings),
            system=report.system if report else None,
            git=report.git if report else None,
            claude=report.claude if report else None,
            free_mib=report.free_mib if report else None,
            findings=findings,
        )


class CheckedFleet(Answer):
    """What `miyabi check` says."""

    fit: bool = Field(description="Whether every machine can take sessions")
    machines: tuple[CheckedMachine, ...]
    fleet: tuple[HealthFinding, ...] = Field(description="What concerns no single machine, or the orchestrator's own")

    @property
    def is_warned(self) -> bool:
        """Whether a finding is a warning."""
        every = (*self.fleet, *(finding for each in self.machines for finding in each.findings))
        return any(finding.severity is Severity.WARNING for finding in every)
