"""The fleet and the session defaults as blocks: what an operator edits in the Prefect UI."""

from __future__ import annotations

from typing import Any, ClassVar

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl

from miyabi.machines import LOCAL, Machine
from miyabi.settings import NotifySettings
from miyabi.settings import SessionDefaults as SessionSettings

_README = "https://github.com/miyabi-scheduler/miyabi-scheduler"


class Fleet(Block):
    """The machines that sessions run on, with their slots.

    Example:
        Save one, and load it again:
        ```python
        from blocks.fleet import Fleet
        from miyabi.machines import Machine

        Fleet(machines=[Machine(name="macmini1", host="macmini1.local", slots=3)]).save("BLOCK_NAME")
        fleet = Fleet.load("BLOCK_NAME")
        ```
    """

    _block_type_name: ClassVar[str] = "Water Spider Fleet"
    _block_type_slug: ClassVar[str] = "water-spider-fleet"
    _description: ClassVar[str] = "Machines that run Claude Code sessions, each with its slots, labels and SSH options."
    _documentation_url: ClassVar[HttpUrl | None] = HttpUrl(f"{_README}#machines")

    machines: list[Machine] = Field(
        default_factory=lambda: [LOCAL], description="The machines, in the order in which they are preferred."
    )

    notify: NotifySettings = Field(
        default_factory=NotifySettings,
        description="Who is told of the runs on these machines; what is left as it is stays as configured.",
    )

    def overrides(self) -> dict[str, Any]:
        """Returns what this block says, shaped like the arguments of `Settings.load`."""
        said = {"machines": [m.model_dump() for m in self.machines]}
        return {**said, "notify": self.notify.model_dump(exclude_defaults=True) or None}


class SessionDefaults(Block):
    """What every session gets unless its task says otherwise.

    Example:
        Save them, and load them again:
        ```python
        from blocks.fleet import SessionDefaults
        from miyabi.settings import SessionDefaults as Values

        SessionDefaults(settings=Values(model="sonnet", check="make test")).save("BLOCK_NAME")
        defaults = SessionDefaults.load("BLOCK_NAME")
        ```
    """

    _block_type_name: ClassVar[str] = "Water Spider Session Defaults"
    _block_type_slug: ClassVar[str] = "water-spider-session-defaults"
    _description: ClassVar[str] = "Model, permissions, limits and check that every Claude Code session gets."
    _documentation_url: ClassVar[HttpUrl | None] = HttpUrl(f"{_README}#sessions")

    settings: SessionSettings = Field(default_factory=SessionSettings, description="The defaults of every session.")

    def overrides(self) -> dict[str, Any]:
        """Returns what this block says, shaped like the arguments of `Settings.load`."""
        return {"sessions": self.settings.model_dump()}
