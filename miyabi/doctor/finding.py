"""What the doctor says: `HealthFinding`; and of which kind it may be: `Kind`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


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
