"""The slot that a task holds while its session runs, as the task itself uses it."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import partial

from prefect.context import TaskRunContext

from miyabi.errors import MiyabiError
from miyabi.machines import Machine
from tasks.concurrency import Lease
from tasks.runner.dispatcher import Dispatcher, Refused
from tasks.runner.slot_request import Grant, SlotRequest

_LOOK_SECONDS = 5.0  # the clock may be set meanwhile, and a machine that slept wakes up late
_current: ContextVar[Slot | None] = ContextVar("slot", default=None)


def current_slot() -> Slot:
    """Returns the slot of the task that calls.

    Raises:
        RuntimeError: it is called in a task that was not placed on a machine.
    """
    if slot := _current.get():
        return slot
    message = "This task holds no slot: give its function a parameter named `machine`."
    raise RuntimeError(message)


def use_slot(slot: Slot | None) -> None:
    """Makes `slot` the current one in this context."""
    _current.set(slot)


def machine_tag(machine: Machine) -> str:
    """Returns the tag that shows where a task run works. No limit has its name."""
    return f"machine:{machine.name}"


class Slot:
    """One slot on one machine, from before the task starts until it is released or the task ends."""

    def __init__(self, dispatcher: Dispatcher, request: Callable[[], SlotRequest], grant: Grant) -> None:
        """Takes over what was granted; `request` makes what the task asks for, which each attempt may change."""
        self._dispatcher = dispatcher
        self._request = request
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._lease: Lease | None = None
        self._hold(grant)

    @property
    def machine(self) -> Machine:
        """The machine that the slot is, or was last, on."""
        return self._machine

    @property
    def is_held(self) -> bool:
        """Whether it is still the task's, and its machine takes more: it need not be asked for again."""
        is_usable = any(each.name == self._machine.name for each in self._dispatcher.usable)
        return self._lease is not None and is_usable and not self.is_cordoned

    @property
    def is_cordoned(self) -> bool:
        """Whether somebody has taken its machine out for a while: nothing more is to begin there."""
        return self._dispatcher.is_cordoned(self._machine.name)

    @property
    def is_account_held(self) -> bool:
        """Whether slots are not given to the task here for now since the account of the machine takes none of it."""
        return self._request().is_held(self._machine)

    @property
    def is_on_trial(self) -> bool:
        """Whether its machine was sick, and this slot is to show whether it is still."""
        return self._lease is not None and self._dispatcher.is_trial(self._lease)

    @property
    def reason(self) -> str:
        """Why this machine, in one sentence."""
        return self._reason

    def release(self) -> None:
        """Gives the slot to the next task, e.g. while commits are collected. May be repeated. Thread-safe."""
        self._now(self._release)

    def note_ending(self, *, is_ending: bool = True) -> None:
        """Notes that the slot is about to be free, or is not after all. May be repeated. Thread-safe."""
        self._now(partial(self._note_ending, is_ending=is_ending))

    @property
    def can_move(self) -> bool:
        """Whether another machine could take the task, now or later."""
        request, here = self._request(), self._machine.name
        return any(machine.name != here and request.suits(machine) for machine in self._dispatcher.usable)

    @property
    def can_move_now(self) -> bool:
        """Whether another machine, full or not, takes such a task at the moment."""
        request, here = self._request(), self._machine.name
        return any(machine.name != here and request.suits(machine) for machine in self._dispatcher.open_machines)

    @property
    def machines(self) -> Sequence[Machine]:
        """All that the run has."""
        return self._dispatcher.machines

    def close_machine(self, until: float, *, machine: str = "") -> None:
        """Starts nothing more on this machine before `until`, in seconds since 1970; other sessions there go on.

        `machine` is the name of another one.
        """
        self._now(partial(self._dispatcher.close_machine, machine or self._machine.name, until=until))

    def exclude(self, error: MiyabiError, *, machine: str = "", is_tried_again: bool = False) -> None:
        """Starts nothing more on this machine, or another one; a task that suits no other ends with it.

        Where it `is_tried_again` it gets one session after a while, and is whole where that says a good result.
        """
        name, exclude = machine or self._machine.name, self._dispatcher.exclude
        self._now(partial(exclude, name, error, is_tried_again=is_tried_again))

    def _now(self, function: Callable[..., None], *arguments: object) -> None:
        """Calls it on the loop: at once where that is ours, so that nobody gets a slot in between."""
        if threading.get_ident() == self._thread:
            function(*arguments)
        else:
            self._loop.call_soon_threadsafe(function, *arguments)

    def require_start(self) -> None:
        """Checks that a session may begin now.

        Raises:
            Refused: it may not, nor later in this run.
        """
        if reason := self._request().why_not():
            raise Refused(reason)

    async def move(self, *, avoid: frozenset[str] = frozenset()) -> Machine:
        """Waits for a new slot, on a machine outside `avoid` if there is one that could ever take the task.

        Raises:
            NotStarted: nothing further is started in this run.
            Refused: no session of this task is, in this run.
            MiyabiError: as `Dispatcher.acquire`.
        """
        self._release()
        request = self._request()
        suitable = [machine for machine in self._dispatcher.usable if request.suits(machine)]
        wish = avoid if any(machine.name not in avoid for machine in suitable) else frozenset()
        return await self._take(wish)

    async def requeue(self, until: float, *, stay: bool = False) -> Machine:
        """Gives the slot back, waits until `until` (seconds since 1970), then for a slot; with `stay` on this machine.

        Where that one is cordoned meanwhile, and another is open, it gets one there all the same.

        Raises:
            NotStarted: nothing further is started in this run.
            Refused: no session of this task is, in this run.
            MiyabiError: as `Dispatcher.acquire`.
        """
        self._release()
        while (left := until - time.time()) > 0:
            self.require_start()  # it may be too late before the wait is over
            await asyncio.sleep(min(left, _LOOK_SECONDS))
        return await self._take(stays_at=self._machine.name if stay else "")

    async def _take(self, avoid: frozenset[str] = frozenset(), *, stays_at: str = "") -> Machine:
        request = dataclasses.replace(self._request(), avoid=avoid, stays_at=stays_at)
        self._hold(await self._dispatcher.acquire(request))
        if context := TaskRunContext.get():
            tag = machine_tag(self._machine)
            context.task_run.tags.extend([] if tag in context.task_run.tags else [tag])
        return self._machine

    def _hold(self, grant: Grant) -> None:
        self._lease = grant.lease
        self._machine = grant.lease.machine
        self._reason = grant.reason

    def _note_ending(self, *, is_ending: bool) -> None:
        if self._lease:
            self._dispatcher.note_ending(self._lease, is_ending=is_ending)

    def _release(self) -> None:
        lease, self._lease = self._lease, None
        if lease:
            self._dispatcher.release(lease)
