"""Prepares the tasks that are likely next on full machines, so that a slot is used the moment it is free."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from miyabi.machines import Machine
from tasks.runner.slot_request import SlotRequest

MACHINES_A_TASK = 3

Hook = Callable[[Machine, dict[str, Any]], Awaitable[None]]
"""Called with a machine and the parameters of a task."""

logger = logging.getLogger("prefect.task_runner.fleet")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Preparation:
    machine: Machine
    work: asyncio.Task[None]


@dataclass(slots=True, kw_only=True, eq=False)
class Prefetch:
    """One task a machine, each on at most three machines and never twice on one; what was in vain is abandoned.

    Errors of the hooks are only logged: a task that cannot be prepared will meet the same error itself.
    """

    prepare: Hook | None = None
    abandon: Hook | None = None
    _next: dict[str, SlotRequest] = field(default_factory=dict)
    _begun: dict[UUID, list[_Preparation]] = field(default_factory=dict)
    _seen: set[tuple[UUID, str]] = field(default_factory=set)
    _abandoning: set[asyncio.Task[None]] = field(default_factory=set)

    def update(self, full: Sequence[Machine], waiting: Iterable[SlotRequest]) -> None:
        """Has a task of `waiting`, best first, prepared for each machine of `full`, soonest free first."""
        if self.prepare is None or not full:
            return
        requests = tuple(waiting)
        tasks = {request.task for request in requests}
        for machine in full:
            chosen = self._next.get(machine.name)
            if chosen is None or chosen.task not in tasks:
                self._choose(machine, requests)

    async def ready(self, request: SlotRequest, machine: Machine) -> None:
        """Waits for a preparation on `machine`, where the task is to run, and abandons those on others."""
        self._seen.add((request.task, machine.name))
        begun = self._begun.pop(request.task, [])
        self._drop(request, [preparation for preparation in begun if preparation.machine != machine])
        here = [preparation.work for preparation in begun if preparation.machine == machine]
        if here:
            await asyncio.wait(here)

    def forget(self, request: SlotRequest) -> None:
        """Abandons the task wherever it was prepared: it will not run."""
        self._drop(request, self._begun.pop(request.task, []))

    async def close(self, *, timeout_seconds: float = 3.0) -> None:
        """Waits for what is being abandoned, at most `timeout_seconds`."""
        if self._abandoning:
            await asyncio.wait(self._abandoning, timeout=timeout_seconds)

    def _choose(self, machine: Machine, requests: Sequence[SlotRequest]) -> None:
        self._next.pop(machine.name, None)
        request = next((request for request in requests if self._may_prepare(request, machine)), None)
        if request is None:
            return
        self._next[machine.name] = request
        self._seen.add((request.task, machine.name))
        work = _start(request, self._call(self.prepare, machine, request))
        self._begun.setdefault(request.task, []).append(_Preparation(machine=machine, work=work))

    def _may_prepare(self, request: SlotRequest, machine: Machine) -> bool:
        few = len(self._begun.get(request.task, ())) < MACHINES_A_TASK
        return few and (request.task, machine.name) not in self._seen and request.suits(machine)

    def _drop(self, request: SlotRequest, begun: Sequence[_Preparation]) -> None:
        for preparation in begun:
            task = _start(request, self._undo(preparation, request))
            self._abandoning.add(task)
            task.add_done_callback(self._abandoning.discard)

    async def _undo(self, preparation: _Preparation, request: SlotRequest) -> None:
        await asyncio.wait([preparation.work])
        await self._call(self.abandon, preparation.machine, request)

    async def _call(self, hook: Hook | None, machine: Machine, request: SlotRequest) -> None:
        try:
            if hook:
                await hook(machine, request.parameters)
        except Exception:
            logger.debug("Looking ahead on %s failed", machine.name, exc_info=True)


def _start(request: SlotRequest, work: Any) -> asyncio.Task[None]:
    return asyncio.get_running_loop().create_task(work, context=request.context.copy())
