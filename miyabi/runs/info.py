"""What a run was started with, and which issues it is for: values that its folder keeps."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field

from miyabi.machines import Machine


class Kept(BaseModel):
    """What became of a run: a value that its folder keeps, one of each kind.

    `if_damaged` says what it costs to remove a file that cannot be read, as a sentence.
    """

    model_config = ConfigDict(frozen=True)

    file_name: ClassVar[str]
    if_damaged: ClassVar[str]


class FleetMember(BaseModel):
    """What a run remembers of a machine: nothing secret."""

    model_config = ConfigDict(frozen=True)

    name: str
    slots: int

    @classmethod
    def of(cls, machine: Machine) -> Self:
        """Makes the member of that machine."""
        return cls(name=machine.name, slots=machine.slots)


class RunInfo(BaseModel):
    """What a run was started with; enough to go on with it or to report on it. Times are UTC."""

    model_config = ConfigDict(frozen=True)

    run: str
    id: str = Field("", description="Unlike the name no other run's, on any machine; an earlier build's run has none")
    repository: str
    base: str = Field(description="Commit that the run starts from")
    base_branch: str | None = Field(None, description="Branch that this commit was the head of, as it was named")
    started: datetime
    ended: datetime | None = None
    machines: tuple[FleetMember, ...] = ()
    rehearse: bool = False
    version: str = ""
    warnings: tuple[str, ...] = ()


class MilestoneRun(Kept):
    """The milestone that a run is for."""

    file_name = "milestone.json"
    if_damaged = "Remove the file to do without it: the run counts for no milestone then."

    repository: str = Field(description="owner/name at GitHub")
    number: int
    id: int = Field(0, description="GitHub's own, which stays when the repository is renamed; 0: not known")
    title: str = Field(description="As people wrote it: foreign text")
