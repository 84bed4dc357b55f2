"""What a second session says of a task's work."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from miyabi.text import count


class Verdict(StrEnum):
    """What a review came to. Decided by what its session answered, in `miyabi.claude.review`, and how it ended."""

    PENDING = "pending"  # it is due, or under way
    APPROVED = "approved"
    CHANGES_ASKED = "changes_asked"
    UNREVIEWED = "unreviewed"  # no verdict came of it, which is no approval


class Finding(BaseModel):
    """What a review finds wrong. The texts are foreign, bounded and without secrets."""

    model_config = ConfigDict(frozen=True)

    file: str
    line: int | None = None
    why: str

    @property
    def where(self) -> str:
        """The file, and after a colon the line."""
        return self.file if self.line is None else f"{self.file}:{self.line}"


class Review(BaseModel):
    """A review of what one commit holds of a task."""

    model_config = ConfigDict(frozen=True)

    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    reason: str = Field("", description="Why there is no verdict, one line")

    @property
    def is_open(self) -> bool:
        """Whether somebody should look: there are findings, or there is no verdict."""
        return self.verdict is not Verdict.APPROVED or bool(self.findings)

    @property
    def sentence(self) -> str:
        """What it came to, without full stop."""
        found = count(len(self.findings), "finding")
        if self.verdict is Verdict.CHANGES_ASKED:
            return f"its review asks for changes that were not made: {found}"
        if self.verdict is Verdict.APPROVED:
            return f"its review approves{f', with {found}' if self.findings else ''}"
        return f"it was not reviewed, so nobody has approved it: {self.reason or 'the review did not come to its end'}"
