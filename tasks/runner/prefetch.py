"""Prepares the tasks that are likely next on full machines, so that a slot is used the moment it is free.

What is made early costs little, a checkout. What costs more, its set-up, begins when a slot is about to be free, and
never more of them than there are such slots.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from miyabi.machines import Machine
from tasks.runner.slot_request import SlotRequest

MACHINES_A_TASK = 3

Hook = Callable[[Machine, dict[str, Any]], Awaitable[None]]
"""Called with a machine and the parameters of a task."""

_NONE: Mapping[str, int] = {}

logger = logging.getLogger("prefect.task_runner.fleet")


@dataclass(slots=True, kw_only=True)
class _Preparation:
    """What was begun for a task on a machine; its `work` may become more."""

    machine: Machine
    work: asyncio.Task[None]


@dataclass(slots=True, kw_only=True, eq=False)
class Prefetch:
    """One task a machine, or as many as its slots that are about to be free; each task on at most three machines.

    Never twice on one, and what was in vain is abandoned.

    Errors of the hooks are only logged: a task that cannot be prepared will meet the same error itself.
    """

    prepare: Hook | None = None
    set_up: Hook | None = None
    abandon: Hook | None = None
    _next: dict[str, list[SlotRequest]] = field(default_factory=dict)
    _begun: dict[UUID, list[_Preparation]] = field(default_factory=dict)
    _seen: set[tuple[UUID, str]] = field(default_factory=set)
    _set_up: set[UUID] = field(default_factory=set)
    _abandoning: dict[asyncio.Task[None], tuple[UUID, str]] = field(default_factory=dict)

    def update(
        self, full: Sequence[Machine], waiting: Iterable[SlotRequest], *, ending: Mapping[str, int] = _NONE
    ) -> None:
        """Has a task of `waiting`, best first, prepared for each machine of `full`, soonest free first.

        `ending` is how many slots are about to be free, by machine: for so many, tasks are set up there too.
        """
        if self.prepare is None or not full:
            return
        requests = tuple(waiting)
        tasks = {request.task for request in requests}
        for machine in full:
            slots = ending.get(machine.name, 0)
            chosen = [request for request in self._next.get(machine.name, ()) if request.task in tasks]
            while len(chosen) < max(slots, 1) and (request := self._prepare_next(machine, requests)):
                chosen.append(request)
            self._next[machine.name] = chosen
            for request in chosen[:slots]:
                self._begin_set_up(machine, request)

    async def ready(self, request: SlotRequest, machine: Machine) -> None:
        """Waits for a preparation on `machine`, where the task is to run, and abandons those on others."""
        place = request.task, machine.name
        self._seen.add(place)
        begun = self._begun.pop(request.task, [])
        self._drop(request, [preparation for preparation in begun if preparation.machine != machine])
        here = [preparation for preparation in begun if preparation.machine == machine]
        if here:  # which is still to be abandoned, should the task not begin there after all
            self._begun[request.task] = here
        works = [preparation.work for preparation in here]
        if works := [*works, *(work for work, each in self._abandoning.items() if each == place)]:
            await asyncio.wait(works)

    def forget(self, request: SlotRequest) -> None:
        """Abandons the task wherever it was prepared: it is over, or will not run."""
        self._drop(request, self._begun.pop(request.task, []))

    async def close(self, *, timeout_seconds: float = 3.0) -> None:
        """Waits for what is being abandoned, at most `timeout_seconds`."""
        if self._abandoning:
            await asyncio.wait(self._abandoning, timeout=timeout_seconds)

    def _prepare_next(self, machine: Machine, requests: Sequence[SlotRequest]) -> SlotRequest | None:
        request = next((request for request in requests if self._may_prepare(request, machine)), None)
        if request is None:
            return None
        self._seen.add((request.task, machine.name))
        work = _start(request, self._call(self.prepare, machine, request))
        self._begun.setdefault(request.task, []).append(_Preparation(machine=machine, work=work))
        return request

    def _begin_set_up(self, machine: Machine, request: SlotRequest) -> None:
        """Once for each task, on one machine."""
        for preparation in self._begun.get(request.task, ()):
            if self.set_up and preparation.machine == machine and request.task not in self._set_up:
                self._set_up.add(request.task)
                preparation.work = _start(request, self._then_set_up(preparation.work, machine, request))

    async def _then_set_up(self, prepared: asyncio.Task[None], machine: Machine, request: SlotRequest) -> None:
        await asyncio.wait([prepared])
        await self._call(self.set_up, machine, request)

    def _may_prepare(self, request: SlotRequest, machine: Machine) -> bool:
        few = len(self._begun.get(request.task, ())) < MACHINES_A_TASK
        return few and (request.task, machine.name) not in self._seen and request.suits(machine)

    def _drop(self, request: SlotRequest, begun: Sequence[_Preparation]) -> None:
        for preparation in begun:
            task = _start(request, self._undo(preparation, request))
            self._abandoning[task] = request.task, preparation.machine.name
            task.add_done_callback(self._abandoning.pop)

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
