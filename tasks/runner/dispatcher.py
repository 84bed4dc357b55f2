"""Brings ready tasks and free slots together: best task first, on the machine that `placement` names.

Machines are asked in placement's order and never waited for. A slot that one of our tasks gives back goes to the next
of them without asking the server, so between runs it is first come, first served.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from miyabi.errors import MiyabiError, NotAdmitted, ServerAway, ServerError
from miyabi.machines import Cordon, Load, Machine, Strategy, choose, unplaceable
from miyabi.runs import ReadyQueue
from tasks.concurrency import Lease, Leases, Taken
from tasks.runner.machine_state import MachineState
from tasks.runner.prefetch import Prefetch
from tasks.runner.slot_request import Grant, SlotRequest

ASKED_AT_ONCE = 1  # two leases at the same moment make SQLite refuse one of them, two seconds later
SPARE_SECONDS = 0.5
AWAY_SECONDS = 1.0
HELD_SECONDS = 0.5
"""So often it is looked whether an account that takes nothing, takes some again."""


class NotStarted(MiyabiError):  # noqa: N818 - no error: somebody decided so
    """Nothing further is started."""


class Refused(NotAdmitted):
    """This task is not to start now, nor later in this run."""


class Dispatcher:
    """The ready tasks of one run and the slots it holds. Lives on one event loop."""

    def __init__(
        self,
        machines: Sequence[Machine],
        *,
        leases: Leases,
        strategy: Strategy = Strategy.FILL_FIRST,
        prefetch: Prefetch | None = None,
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.machines = tuple(machines)
        self.prefetch = prefetch or Prefetch()
        self._states = {machine.name: MachineState(machine=machine) for machine in machines}
        self._leases = leases
        self._strategy = strategy
        self._warn = warn
        self._queue: ReadyQueue[SlotRequest] = ReadyQueue()
        self._asking: set[asyncio.Task[None]] = set()
        self._stopped: str | None = None
        self._cordoned = frozenset[str]()
        self._away_until = 0.0
        self._has_held = False
        self._timer: asyncio.TimerHandle | None = None
        self._pumping: asyncio.Handle | None = None

    async def acquire(self, request: SlotRequest) -> Grant:
        """Waits for a slot, and returns it as soon as one is free and no better task wants it.

        Raises:
            NotStarted: `stop` was called.
            Refused: it is not to start any more.
            MiyabiError: no machine of the fleet could ever take it; or all that could are excluded: the error of one,
                such as a ServerError where their limits are missing.
        """
        self._bind(request)
        self._begin_trials()
        self._refuse(request)
        self._queue.add(request, key=request.key)
        self._pump_soon()
        try:
            grant = await request.granted
            await self.prefetch.ready(request, grant.lease.machine)
        except BaseException:
            self._leave(request)
            raise
        return grant

    def release(self, lease: Lease) -> None:
        """Gives a slot back: to the next task that suits its machine, else, a moment later, to the server."""
        state = self._states[lease.machine.name]
        state.ending.discard(lease)
        state.held -= 1
        state.trial = None if state.trial is lease else state.trial
        self._offer(state, lease)
        self._pump_soon()

    def note_ending(self, lease: Lease, *, is_ending: bool) -> None:
        """Notes that a slot is about to be free, or is not after all: what runs next there may be set up meanwhile."""
        state = self._states[lease.machine.name]
        ending = state.ending
        if is_ending and state.trial is lease:
            state.note_sound()
        if (lease in ending) != is_ending:
            (ending.add if is_ending else ending.discard)(lease)
            self._pump_soon()

    def close_machine(self, name: str, *, until: float) -> None:
        """Starts nothing on the machine before `until`, in seconds since 1970. What runs there goes on."""
        state = self._states[name]
        state.closed_until = max(until, state.closed_until or 0.0)
        for lease in tuple(state.spares):
            self._return_spare(state, lease)
        self._pump_soon()

    @property
    def usable(self) -> list[Machine]:
        """The machines that take sessions, now or later."""
        return [state.machine for state in self._states.values() if not state.broken]

    @property
    def open_machines(self) -> list[Machine]:
        """The machines that take sessions now, full or not."""
        return [state.machine for state in self._states.values() if state.is_open]

    def exclude(self, name: str, error: Exception, *, is_tried_again: bool = False) -> None:
        """Starts nothing more on the machine; a task that suits no other fails with the error, or that of another.

        Where it `is_tried_again` one task gets a slot there after 30 s, and later each time that it fails.
        """
        now = asyncio.get_running_loop().time()
        self._states[name].note_sick(error, now=now, is_tried_again=is_tried_again)
        for request in self._queue:
            if broken := _all_broken([state for state in self._states.values() if request.suits(state.machine)]):
                self._fail(request, broken)

    def is_trial(self, lease: Lease) -> bool:
        """Returns whether it is the one slot of a machine that was sick."""
        return self._states[lease.machine.name].trial is lease

    def _begin_trials(self) -> None:
        now = asyncio.get_running_loop().time()
        for state in self._states.values():
            state.begin_trial(now)

    def note_taken_out(self, reasons: Mapping[str, str]) -> None:
        """Starts nothing on the machines of these names, for the reason that each has, and on all others again."""
        for name, state in self._states.items():
            self._take_out(state, reasons.get(name, ""))
        self._pump_soon()

    def note_cordons(self, cordons: Mapping[str, Cordon]) -> None:
        """Begins nothing on the machines of these names, and again on all others; what runs there may be joined.

        Whoever waits for such a machine alone, to go on there, may have another one.
        """
        for name, state in self._states.items():
            state.cordon = cordons.get(name)
        cordoned = frozenset(name for name, state in self._states.items() if state.is_cordoned)
        if cordoned != self._cordoned:
            self._cordoned = cordoned
            for request in self._queue:
                request.requires = tuple(request.required()) if request.required else request.requires
                self._bind(request)
            self._pump_soon()

    def is_cordoned(self, name: str) -> bool:
        """Returns whether somebody has taken the machine out for a while."""
        return self._states[name].is_cordoned

    def _bind(self, request: SlotRequest) -> None:
        """Has it stay where it goes on, unless that is cordoned and another machine may take it."""
        if request.stays_at:
            required, others = set(request.requires), self._states.keys() - {request.stays_at}
            able = (state for name, state in self._states.items() if name in others and state.is_whole)
            may_leave = self.is_cordoned(request.stays_at) and any(required <= each.machine.offers for each in able)
            request.avoid = frozenset() if may_leave else frozenset(others)

    def _take_out(self, state: MachineState, reason: str) -> None:
        if reason and not state.taken_out and not state.broken:
            self._warn(reason)
        state.taken_out = reason
        for lease in tuple(state.spares) if reason else ():
            self._return_spare(state, lease)

    def stop(self, reason: str) -> None:
        """Starts nothing further: what waits for a slot gets NotStarted with this reason, or the first one."""
        self._stopped = self._stopped or reason
        for request in self._queue:
            self._fail(request, NotStarted(self._stopped))

    def ask_again(self) -> None:
        """Asks each task that waits for a slot whether it may start still; what may not gets Refused."""
        for request in self._queue:
            self._admits(request)

    def _admits(self, request: SlotRequest) -> bool:
        if reason := request.why_not():
            self._fail(request, Refused(reason))
        return reason is None

    def _refuse(self, request: SlotRequest) -> None:
        if self._stopped:
            raise NotStarted(self._stopped)
        if reason := request.why_not():
            raise Refused(reason)
        able = [state for state in self._states.values() if request.suits(state.machine)]
        if not able:
            loads = [Load(machine=machine, used=0) for machine in self.machines if machine.name not in request.avoid]
            raise MiyabiError(f"This task cannot be placed: {unplaceable(loads, request.requires)}.")
        if broken := _all_broken(able):
            raise broken

    def _leave(self, request: SlotRequest) -> None:
        self._queue.remove(request)
        self.prefetch.forget(request)
        if request.granted.done() and not request.granted.cancelled() and not request.granted.exception():
            self.release(request.granted.result().lease)

    def _pump_soon(self) -> None:
        if not self._pumping:
            self._pumping = asyncio.get_running_loop().call_soon(self._pump)

    def _pump(self) -> None:
        """Asks for a slot for each task that could have one, and sets the time to do so again."""
        self._pumping = None
        self._begin_trials()
        now = asyncio.get_running_loop().time()
        self._has_held = False
        if self._away_until <= now:
            self._place_all(now)
        self._set_timer(now)
        self._update_prefetch(now)

    def _place_all(self, now: float) -> None:
        loads = {name: state.load(now) for name, state in self._states.items()}
        free = sum(load.free for load in loads.values() if load.closed_until is None)
        restricted = [state for state in self._states.values() if state.is_restricted]
        hopeless: set[tuple[tuple[str, ...], frozenset[str]]] = set()
        for request in self._queue:
            if not free or len(self._asking) >= ASKED_AT_ONCE:
                return
            avoid = request.avoid.union(s.machine.name for s in restricted if not s.has_time(request.seconds))
            avoid |= self._held(request)
            if request.asking or (request.requires, avoid) in hopeless:
                continue
            fleet = tuple(loads.values())
            placement = choose(fleet, requires=request.requires, strategy=self._strategy, avoid=avoid)
            if placement is None:
                hopeless.add((request.requires, avoid))
                continue
            if not self._admits(request):
                continue
            state = self._states[placement.machine.name]
            self._place(request, state, placement.reason)
            loads[placement.machine.name] = state.load(now)
            free -= 1

    def _held(self, request: SlotRequest) -> set[str]:
        """The machines that it cannot have because of their accounts; looks again soon where there are any."""
        held = {machine.name for machine in self.machines if request.is_held(machine)}
        self._has_held |= bool(held)
        return held

    def _fits(self, request: SlotRequest, state: MachineState) -> bool:
        is_open = state.may_grant and request.suits(state.machine) and not request.is_held(state.machine)
        return is_open and state.has_time(request.seconds) and self._admits(request)

    def _place(self, request: SlotRequest, state: MachineState, reason: str) -> None:
        if state.spares:
            self._grant(request, state, state.spares.pop(), reason)
            return
        state.asking += 1
        request.asking = True
        asking = asyncio.get_running_loop().create_task(self._ask(request, state, reason))
        self._asking.add(asking)

        def asked(_: asyncio.Task[None]) -> None:
            state.asking -= 1
            request.asking = False
            self._asking.discard(asking)
            self._pump_soon()

        asking.add_done_callback(asked)

    async def _ask(self, request: SlotRequest, state: MachineState, reason: str) -> None:
        loop = asyncio.get_running_loop()
        answer: Lease | Taken | None = None
        try:
            answer = await self._leases.take(state.machine, holder=request.task)
        except ServerAway:
            self._away_until = loop.time() + AWAY_SECONDS
        except ServerError as error:
            self._warn(str(error))
            self.exclude(state.machine.name, error)
        if isinstance(answer, Taken):
            state.note_taken(loop.time(), retry_seconds=answer.retry_seconds)
            self._take_out(state, answer.reason)
        elif answer:
            state.note_granted()
            self._receive(request, state, answer, reason)

    def _receive(self, request: SlotRequest, state: MachineState, lease: Lease, reason: str) -> None:
        if request in self._queue and not state.is_closed and self._fits(request, state):
            self._grant(request, state, lease, reason)
        else:
            self._offer(state, lease)

    def _offer(self, state: MachineState, lease: Lease) -> None:
        request = None if state.is_closed else next((each for each in self._queue if self._fits(each, state)), None)
        if request:
            self._grant(request, state, lease, self._reason(state))
            return
        state.spares.append(lease)
        wait = 0.0 if state.is_closed or self._stopped else SPARE_SECONDS
        asyncio.get_running_loop().call_later(wait, self._return_spare, state, lease)

    def _reason(self, state: MachineState) -> str:
        placement = choose([Load(machine=state.machine, used=state.held)], strategy=self._strategy, requires=())
        return placement.reason if placement else f"{state.machine.name} has a slot"

    def _grant(self, request: SlotRequest, state: MachineState, lease: Lease, reason: str) -> None:
        self._queue.remove(request)
        state.held += 1
        state.trial = lease if state.on_trial else None
        state.granted_at = asyncio.get_running_loop().time()
        request.granted.set_result(Grant(lease=lease, reason=reason))

    def _fail(self, request: SlotRequest, error: Exception) -> None:
        self._queue.remove(request)
        if not request.granted.done():
            request.granted.set_exception(error)

    def _return_spare(self, state: MachineState, lease: Lease) -> None:
        if lease not in state.spares:
            return
        state.spares.remove(lease)
        state.returning += 1

        def returned(_: asyncio.Task[None]) -> None:
            state.returning -= 1
            self._pump_soon()

        self._leases.give_back(lease).add_done_callback(returned)

    def _set_timer(self, now: float) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if not self._queue:
            return
        news = [state.seconds_to_news(now) for state in self._states.values()]
        held = HELD_SECONDS if self._has_held else None
        waits = [wait for wait in [*news, self._away_until - now, held] if wait is not None and wait > 0]
        if waits:
            self._timer = asyncio.get_running_loop().call_later(min(waits), self._pump)

    def _update_prefetch(self, now: float) -> None:
        full = [state for state in self._states.values() if state.is_busy and not state.load(now).free]
        full.sort(key=lambda state: state.granted_at)
        ending = {state.machine.name: len(state.ending) for state in full}
        self.prefetch.update([state.machine for state in full], self._queue, ending=ending)


def _all_broken(states: Sequence[MachineState]) -> Exception | None:
    return states[0].broken if states and all(state.broken for state in states) else None
