"""The slot that a task holds while its session runs, in the task's own hands."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
import time
from contextvars import ContextVar

from prefect.context import TaskRunContext

from miyabi.machine import Machine
from tasks.dispatch import Dispatcher
from tasks.leases import Lease
from tasks.seats import Grant, Seat

_current: ContextVar[Slot | None] = ContextVar("slot", default=None)


def current_slot() -> Slot:
    """The slot of the task that calls; RuntimeError in a task that was not placed on a machine."""
    if slot := _current.get():
        return slot
    message = "This task holds no slot: give its function a parameter named `machine`."
    raise RuntimeError(message)


def use_slot(slot: Slot | None) -> None:
    """Makes `slot` the current one in this context."""
    _current.set(slot)


def machine_tag(machine: Machine) -> str:
    """The tag that shows where a task run works. No limit has its name."""
    return f"machine:{machine.name}"


class Slot:
    """One slot on one machine, from before the task starts until it is released or the task ends."""

    def __init__(self, dispatcher: Dispatcher, seat: Seat, grant: Grant) -> None:
        self._dispatcher = dispatcher
        self._seat = seat
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._lease: Lease | None = None
        self._hold(grant)

    @property
    def machine(self) -> Machine:
        """The machine that the slot is, or was last, on."""
        return self._machine

    @property
    def reason(self) -> str:
        """Why this machine, in one sentence."""
        return self._reason

    def release(self) -> None:
        """Gives the slot to the next task now, e.g. while commits come home. Again: does nothing. Any thread may."""
        if threading.get_ident() == self._thread:
            self._release()
        else:
            self._loop.call_soon_threadsafe(self._release)

    def close_machine(self, until: float) -> None:
        """Starts nothing more on this machine before `until`, in seconds since 1970; other sessions there go on."""
        self._loop.call_soon_threadsafe(lambda: self._dispatcher.close_machine(self._machine.name, until=until))

    async def move(self, *, avoid: frozenset[str] = frozenset()) -> Machine:
        """Waits for a new slot, on a machine outside `avoid` if there is one that could ever take the task.

        Raises:
            NotStarted: nothing further is started in this run.
        """
        self._release()
        suitable = [machine for machine in self._dispatcher.machines if self._base.suits(machine)]
        wish = avoid if any(machine.name not in avoid for machine in suitable) else frozenset()
        return await self._take(wish)

    async def park(self, until: float, *, stay: bool = False) -> Machine:
        """Gives the slot back, waits until `until` (seconds since 1970), then for a slot; with `stay` on this machine.

        Raises:
            NotStarted: nothing further is started in this run.
        """
        self._release()
        await asyncio.sleep(max(0.0, until - time.time()))
        others = {machine.name for machine in self._dispatcher.machines} - {self._machine.name}
        return await self._take(frozenset(others) if stay else frozenset())

    @property
    def _base(self) -> Seat:
        return dataclasses.replace(self._seat, avoid=frozenset())

    async def _take(self, avoid: frozenset[str]) -> Machine:
        self._seat = dataclasses.replace(self._seat, avoid=avoid, granted=self._loop.create_future(), asking=False)
        self._hold(await self._dispatcher.acquire(self._seat))
        if context := TaskRunContext.get():
            tag = machine_tag(self._machine)
            context.task_run.tags.extend([] if tag in context.task_run.tags else [tag])
        return self._machine

    def _hold(self, grant: Grant) -> None:
        self._lease = grant.lease
        self._machine = grant.lease.machine
        self._reason = grant.reason

    def _release(self) -> None:
        lease, self._lease = self._lease, None
        if lease:
            self._dispatcher.release(lease)
