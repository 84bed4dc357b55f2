"""What `miyabi check --json` prints: one value, with a schema."""

from __future__ import annotations

import json

from pydantic import BaseModel, ConfigDict, Field

from miyabi.doctor.finding import HealthFinding, Severity
from miyabi.machines import Machine
from miyabi.runs import MachineReport

SCHEMA_VERSION = 1


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


class CheckedFleet(BaseModel):
    """What was found of all machines."""

    model_config = ConfigDict(frozen=True)

    schema_version: int = Field(
        SCHEMA_VERSION, description="Grows when a field or an id goes or changes its meaning, not when one is added: 1"
    )
    fit: bool = Field(description="Whether every machine can take sessions")
    machines: tuple[CheckedMachine, ...]
    fleet: tuple[HealthFinding, ...] = Field(description="What concerns no single machine, or the orchestrator's own")

    @property
    def is_warned(self) -> bool:
        """Whether a finding is a warning."""
        every = (*self.fleet, *(finding for each in self.machines for finding in each.findings))
        return any(finding.severity is Severity.WARNING for finding in every)

    def to_json(self) -> str:
        """Returns it as JSON, indented."""
        return self.model_dump_json(indent=2)

    @classmethod
    def json_schema(cls) -> str:
        """Returns the JSON schema (draft 2020-12) of what `to_json` writes."""
        schema = cls.model_json_schema(mode="serialization")
        return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2)
