"""Attempts of a run without Prefect: a repository, machines made of this one, and the scripted claude: `workshop`."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from miyabi.attempts import Attempt
from miyabi.errors import ConnectionDropped, MachineError, MachineUnreachable
from miyabi.github import token_of_environment
from miyabi.machines import Completed, Machine
from miyabi.machines.local import LocalHost
from miyabi.runs import Run, RunRequest, start_run
from miyabi.sessions import RemoteSession, SessionResult, State, Status
from tests.support.claude import scripted
from tests.support.git.repositories import make_repository

AWAY = (MachineUnreachable, ConnectionDropped, MachineError)
"""What a machine that is away looks like: nobody there, cut in mid-command, and nothing heard until the time limit."""


class SwitchedHost(LocalHost):
    """This machine, which does not answer while it is `away`.

    `trips` says with what the calls fail from the first one on whose command has that text in it.
    """

    away = False

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.trips: dict[str, Sequence[type[MachineError]]] = {}
        self._failing: list[type[MachineError]] = []

    async def run(
        self,
        words: Sequence[str],
        *,
        stdin: bytes | Path = b"",
        stdout: Path | None = None,
        timeout_seconds: float = 60,
    ) -> Completed:
        """The words, if it is there."""
        self._require(" ".join(words))
        return await super().run(words, stdin=stdin, stdout=stdout, timeout_seconds=timeout_seconds)

    @asynccontextmanager
    async def _stream(self, words: Sequence[str]) -> AsyncIterator[AsyncIterator[bytes]]:
        self._require(" ".join(words))
        async with super()._stream(words) as chunks:
            yield self._while_there(chunks)

    async def _while_there(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            self._require()
            yield chunk

    def _require(self, command: str = "") -> None:
        for text in [text for text in self.trips if command and text in command]:
            self._failing += self.trips.pop(text)
        if self._failing and command:
            raise self._failing.pop(0)(f"{self.name}: tripped", machine=self.name)
        if self.away:
            raise MachineUnreachable(f"{self.name}: switched off", machine=self.name)


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """Where runs are gone on with, each time by another orchestrator."""

    folder: Path

    @property
    def claude(self) -> Path:
        """The program in place of claude."""
        return self.folder / "bin" / "claude"

    def machine(self, name: str = "m1", **fields: Any) -> Machine:
        """A machine made of this one."""
        place = {"workspace": str(self.folder / name), "claude": str(self.claude), "slots": 2}
        return Machine.model_validate({"name": name, **place, **fields})

    async def run(self, *machines: Machine, **asked: Any) -> Run:
        """An orchestrator's run, asked for as `request` says; every machine's host is a switched one."""
        live = await start_run(self.request(*machines, **asked), token=token_of_environment)
        for machine in live.machines.values():
            live._connections._hosts[machine.name] = SwitchedHost(machine.name)
        return live

    def request(
        self,
        *machines: Machine,
        run: str = "r1",
        tasks: Sequence[str] = ("a",),
        patience: float = 60,
        rehearse: bool = False,
        **node: Any,
    ) -> RunRequest:
        """What asks for a run of these tasks, each with these fields too."""
        nodes = [{"id": task, "prompt": "[[scenario:gate:go]]"} | node for task in tasks]
        file = self.folder / f"{'-'.join(tasks)}.json"
        file.write_text(json.dumps({"nodes": nodes}))
        fleet = [machine.model_dump() for machine in machines or [self.machine()]]
        overrides = {"machines": fleet, "runs": {"patience_minutes": patience / 60}}
        root = self.folder / "repository"
        return RunRequest(tasks=file, repository=root, run=run, rehearse=rehearse, overrides=overrides)

    def switch(self, live: Run, machine: str = "m1", *, away: bool) -> None:
        """A machine does not answer that orchestrator, or does again."""
        host = live.host(live.machines[machine])
        assert isinstance(host, SwitchedHost)
        host.away = away

    def trip(self, live: Run, text: str, *errors: type[MachineError]) -> SwitchedHost:
        """The first machine fails with these, one call after the other, once a command has that text."""
        host = live.host(next(iter(live.machines.values())))
        assert isinstance(host, SwitchedHost)
        host.trips[text] = errors
        return host

    async def attempt(self, live: Run, task: str = "a", machine: str = "m1") -> Attempt:
        """The task's next attempt."""
        spec = await live.spec(live.dag.by_id[task], attempt=live.resume.attempts(task) + 1)
        return Attempt(live=live, spec=spec, machine=live.machines[machine], reason="chosen by a test")

    async def status(self, session: str = "r1.a.1", machine: str = "m1") -> Status:
        """What a machine says of a session."""
        return await RemoteSession(LocalHost(machine), session, workspace=str(self.folder / machine)).status()

    @asynccontextmanager
    async def running(self, attempt: Attempt) -> AsyncIterator[asyncio.Task[SessionResult]]:
        """The attempt while its session runs; cancelled afterwards if it has not ended."""
        task = asyncio.create_task(attempt.run())
        try:
            async with asyncio.timeout(120):
                while attempt.spec.paths.session not in self.calls() and not task.done():
                    await asyncio.sleep(0.02)
            yield task
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def left(self, attempt: Attempt) -> None:
        """The attempt's session runs, and its orchestrator was killed."""
        task = asyncio.create_task(attempt.run())
        async with asyncio.timeout(120):
            while attempt.spec.paths.session not in self.calls():
                await asyncio.sleep(0.02)
        attempt._give_up = _do_nothing  # type: ignore[method-assign]
        task.cancel()
        await asyncio.wait([task])

    def calls(self) -> list[str]:
        """The sessions in which claude was called, in that order."""
        files = (self.claude.parent / "calls").iterdir()
        return [file.name for file in sorted(files, key=lambda file: file.stat().st_mtime_ns)]

    def open_gate(self) -> None:
        """Lets the sessions go on that wait for it."""
        (self.claude.parent / "gates" / "go").touch()


async def _do_nothing(_: RemoteSession) -> None:
    pass


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    """A workshop; nothing that runs in it waits any longer afterwards."""
    place = Workshop(folder=tmp_path)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    make_repository(tmp_path / "repository")
    scripted.install(tmp_path / "bin")
    try:
        yield place
    finally:
        place.open_gate()


__all__ = ["State", "Workshop", "workshop"]
