"""Brings ready tasks and free slots together: best task first, on the machine that `placement` names.

Machines are asked in placement's order and never waited for. A slot that one of our tasks gives back goes to the next
of them without a word to the server, so between runs it is first come, first served.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from miyabi.errors import MiyabiError, ServerAway, ServerError
from miyabi.machines.machine import Machine
from miyabi.machines.placement import Load, Strategy, choose, unplaceable
from miyabi.runs.ready_queue import ReadyQueue
from tasks.concurrency.leases import Lease, Leases
from tasks.concurrency.limits import Taken
from tasks.runner.machine_state import Post
from tasks.runner.prefetch import LookAhead
from tasks.runner.slot_request import Grant, Seat

ASKED_AT_ONCE = 1  # two leases at the same moment make SQLite refuse one of them, two seconds later
SPARE_SECONDS = 0.5
AWAY_SECONDS = 1.0


class NotStarted(MiyabiError):  # noqa: N818 - no error: somebody decided so
    """Nothing further is started."""


class Dispatcher:
    """The ready tasks of one run and the slots it holds. Lives on one event loop."""

    def __init__(
        self,
        machines: Sequence[Machine],
        *,
        leases: Leases,
        strategy: Strategy = Strategy.FILL_FIRST,
        look_ahead: LookAhead | None = None,
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.machines = tuple(machines)
        self.look_ahead = look_ahead or LookAhead()
        self._posts = {machine.name: Post(machine=machine) for machine in machines}
        self._leases = leases
        self._strategy = strategy
        self._warn = warn
        self._queue: ReadyQueue[Seat] = ReadyQueue()
        self._asking: set[asyncio.Task[None]] = set()
        self._stopped: str | None = None
        self._away_until = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._pumping: asyncio.Handle | None = None

    async def acquire(self, seat: Seat) -> Grant:
        """A slot, as soon as one is free and no better task wants it.

        Raises:
            NotStarted: `stop` was called.
            ServerError: the limits of all machines that could take it are missing.
            MiyabiError: no machine of the fleet could ever take it.
        """
        self._refuse(seat)
        self._queue.add(seat, key=seat.key)
        self._pump_soon()
        try:
            grant = await seat.granted
            await self.look_ahead.ready(seat, grant.lease.machine)
        except BaseException:
            self._leave(seat)
            raise
        return grant

    def release(self, lease: Lease) -> None:
        """Gives a slot back: to the next task that suits its machine, else, a moment later, to the server."""
        post = self._posts[lease.machine.name]
        post.held -= 1
        self._offer(post, lease)
        self._pump_soon()

    def close_machine(self, name: str, *, until: float) -> None:
        """Starts nothing on the machine before `until`, in seconds since 1970. What runs there goes on."""
        post = self._posts[name]
        post.closed_until = max(until, post.closed_until or 0.0)
        for lease in tuple(post.spares):
            self._return_spare(post, lease)
        self._pump_soon()

    @property
    def usable(self) -> list[Machine]:
        """The machines that take sessions, now or later."""
        return [post.machine for post in self._posts.values() if not post.broken]

    def condemn(self, name: str, error: Exception) -> None:
        """Starts nothing more on the machine; who can go to no other fails with the error, or that one's."""
        self._posts[name].broken = error
        for seat in self._queue:
            if broken := _all_broken([post for post in self._posts.values() if seat.suits(post.machine)]):
                self._fail(seat, broken)

    def note_taken_out(self, reasons: Mapping[str, str]) -> None:
        """Starts nothing on the machines of these names, for the reason that each has, and on all others again."""
        for name, post in self._posts.items():
            self._take_out(post, reasons.get(name, ""))
        self._pump_soon()

    def _take_out(self, post: Post, reason: str) -> None:
        if reason and not post.taken_out and not post.broken:
            self._warn(reason)
        post.taken_out = reason
        for lease in tuple(post.spares) if reason else ():
            self._return_spare(post, lease)

    def stop(self, reason: str) -> None:
        """Starts nothing further: who waits for a slot gets NotStarted with this reason."""
        self._stopped = self._stopped or reason
        for seat in self._queue:
            self._fail(seat, NotStarted(self._stopped))

    def _refuse(self, seat: Seat) -> None:
        if self._stopped:
            raise NotStarted(self._stopped)
        able = [post for post in self._posts.values() if seat.suits(post.machine)]
        if not able:
            loads = [Load(machine=machine, used=0) for machine in self.machines if machine.name not in seat.avoid]
            raise MiyabiError(f"This task cannot be placed: {unplaceable(loads, seat.requires)}.")
        if broken := _all_broken(able):
            raise broken

    def _leave(self, seat: Seat) -> None:
        self._queue.remove(seat)
        self.look_ahead.forget(seat)
        if seat.granted.done() and not seat.granted.cancelled() and not seat.granted.exception():
            self.release(seat.granted.result().lease)

    def _pump_soon(self) -> None:
        if not self._pumping:
            self._pumping = asyncio.get_running_loop().call_soon(self._pump)

    def _pump(self) -> None:
        """Asks for a slot for each task that could have one, and looks when there will be news."""
        self._pumping = None
        now = asyncio.get_running_loop().time()
        if self._away_until <= now:
            self._place_all(now)
        self._set_timer(now)
        self._update_look_ahead(now)

    def _place_all(self, now: float) -> None:
        loads = {name: post.load(now) for name, post in self._posts.items()}
        free = sum(load.free for load in loads.values() if load.closed_until is None)
        hopeless: set[tuple[tuple[str, ...], frozenset[str]]] = set()
        for seat in self._queue:
            if not free or len(self._asking) >= ASKED_AT_ONCE:
                return
            if seat.asking or (seat.requires, seat.avoid) in hopeless:
                continue
            fleet = tuple(loads.values())
            placement = choose(fleet, requires=seat.requires, strategy=self._strategy, avoid=seat.avoid)
            if placement is None:
                hopeless.add((seat.requires, seat.avoid))
                continue
            post = self._posts[placement.machine.name]
            self._place(seat, post, placement.reason)
            loads[placement.machine.name] = post.load(now)
            free -= 1

    def _place(self, seat: Seat, post: Post, reason: str) -> None:
        if post.spares:
            self._grant(seat, post, post.spares.pop(), reason)
            return
        post.asking += 1
        seat.asking = True
        asking = asyncio.get_running_loop().create_task(self._ask(seat, post, reason))
        self._asking.add(asking)

        def asked(_: asyncio.Task[None]) -> None:
            post.asking -= 1
            seat.asking = False
            self._asking.discard(asking)
            self._pump_soon()

        asking.add_done_callback(asked)

    async def _ask(self, seat: Seat, post: Post, reason: str) -> None:
        loop = asyncio.get_running_loop()
        answer: Lease | Taken | None = None
        try:
            answer = await self._leases.take(post.machine, holder=seat.task)
        except ServerAway:
            self._away_until = loop.time() + AWAY_SECONDS
        except ServerError as error:
            self._warn(str(error))
            self.condemn(post.machine.name, error)
        if isinstance(answer, Taken):
            post.note_taken(loop.time(), retry_seconds=answer.retry_seconds)
            self._take_out(post, answer.reason)
        elif answer:
            post.note_granted()
            self._receive(seat, post, answer, reason)

    def _receive(self, seat: Seat, post: Post, lease: Lease, reason: str) -> None:
        if seat in self._queue and not post.is_closed:
            self._grant(seat, post, lease, reason)
        else:
            self._offer(post, lease)

    def _offer(self, post: Post, lease: Lease) -> None:
        seat = None if post.is_closed else next((seat for seat in self._queue if seat.suits(post.machine)), None)
        if seat:
            self._grant(seat, post, lease, self._reason(post))
            return
        post.spares.append(lease)
        wait = 0.0 if post.is_closed or self._stopped else SPARE_SECONDS
        asyncio.get_running_loop().call_later(wait, self._return_spare, post, lease)

    def _reason(self, post: Post) -> str:
        placement = choose([Load(machine=post.machine, used=post.held)], strategy=self._strategy, requires=())
        return placement.reason if placement else f"{post.machine.name} has a slot"

    def _grant(self, seat: Seat, post: Post, lease: Lease, reason: str) -> None:
        self._queue.remove(seat)
        post.held += 1
        post.granted_at = asyncio.get_running_loop().time()
        seat.granted.set_result(Grant(lease=lease, reason=reason))

    def _fail(self, seat: Seat, error: Exception) -> None:
        self._queue.remove(seat)
        if not seat.granted.done():
            seat.granted.set_exception(error)

    def _return_spare(self, post: Post, lease: Lease) -> None:
        if lease not in post.spares:
            return
        post.spares.remove(lease)
        post.returning += 1

        def returned(_: asyncio.Task[None]) -> None:
            post.returning -= 1
            self._pump_soon()

        self._leases.give_back(lease).add_done_callback(returned)

    def _set_timer(self, now: float) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if not self._queue:
            return
        news = [post.seconds_to_news(now) for post in self._posts.values()]
        waits = [wait for wait in [*news, self._away_until - now] if wait is not None and wait > 0]
        if waits:
            self._timer = asyncio.get_running_loop().call_later(min(waits), self._pump)

    def _update_look_ahead(self, now: float) -> None:
        full = [post for post in self._posts.values() if post.is_busy and not post.load(now).free]
        full.sort(key=lambda post: post.granted_at)
        self.look_ahead.update([post.machine for post in full], self._queue)


def _all_broken(posts: Sequence[Post]) -> Exception | None:
    return posts[0].broken if posts and all(post.broken for post in posts) else None
