"""The `miyabi` command with two machines made of this one and a scripted claude: quick, for tests of many runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from miyabi.machines import Machine
from tests.support.claude import scripted
from tests.support.cli.site import CommandSite
from tests.support.git.repositories import make_repository
from tests.support.prefect.server import RealServer

SLOTS = (3, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSite(CommandSite):
    """A repository whose configuration names two machines, which are this one over no SSH."""

    hours: Mapping[int, str] = field(default_factory=dict)

    @property
    def claude(self) -> Path:
        """The program in place of claude."""
        return self.folder / "bin" / "claude"

    @property
    def machines(self) -> tuple[Machine, ...]:
        """The machines; their names are used by no other test."""
        return tuple(self._machine(number, slots) for number, slots in enumerate(SLOTS))

    def _machine(self, number: int, slots: int) -> Machine:
        workspace = self.folder / "machines" / str(number)
        name = f"{self.folder.name[-40:]}-{number}"
        place: Any = {"claude": str(self.claude), "workspace": str(workspace), "active_hours": self.hours.get(number)}
        return Machine(name=name, account=name[:-2], slots=slots, **place)

    @property
    def calls(self) -> Sequence[dict[str, Any]]:
        """What each session was given, in the order in which they began."""
        return scripted.calls(self.claude)

    def open_gate(self, name: str) -> None:
        """Lets the sessions go on that wait for it."""
        (self.claude.parent / "gates" / name).touch()


@contextlib.contextmanager
def make_local_site(folder: Path, server: RealServer, *, hours: Mapping[int, str] | None = None) -> Iterator[LocalSite]:
    """A site of your own, some of whose machines may have hours; nothing that it started runs afterwards."""
    site = LocalSite(folder=folder, server=server, hours=hours or {})
    (folder / "home").mkdir()
    make_repository(site.repository)
    scripted.install(site.claude.parent)
    try:
        yield site
    finally:
        for command in site.commands:
            command.kill()
