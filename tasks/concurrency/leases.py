"""The slots that this run has leased: renewed from one place, given back for certain, leased anew when lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from miyabi.errors import ServerAway, ServerError
from miyabi.machines import Machine
from miyabi.system import files
from tasks.concurrency.limits import LEASE_SECONDS, SlotLimits, Taken, without_retries

RENEW_SECONDS = LEASE_SECONDS / 3
_AWAY_SECONDS = 2.0
_AT_ONCE = 4


@dataclass(slots=True, kw_only=True, eq=False)
class Lease:
    """One slot of a machine. `id` is None while the server counts it for nobody, which ends no work."""

    machine: Machine
    holder: UUID
    id: UUID | None
    given_back: bool = False


class Leases:
    """What this run holds on one server. Lives on one event loop; `close` gives everything back."""

    def __init__(self, limits: SlotLimits, *, warn: Callable[[str], None], lease_file: LeaseFile | None = None) -> None:
        self._limits = limits
        self._warn = warn
        self._lease_file = lease_file or LeaseFile()
        self._held: set[Lease] = set()
        self._returning: set[asyncio.Task[None]] = set()
        self._context = without_retries()
        self._away = False

    async def take_over(self) -> None:
        """Gives back what an earlier process of this run held when it was killed, which else takes a minute."""
        with contextlib.suppress(ServerError):
            for lease in self._lease_file.left():
                await self._spawn(self._limits.release(lease))

    async def take(self, machine: Machine, *, holder: UUID) -> Lease | Taken:
        """Leases one slot of the machine. Does not wait for one.

        Args:
            machine: whose slot.
            holder: id of the task run that it is for, for people to see in Prefect.

        Returns:
            The lease, or `Taken` where there is none.

        Raises:
            ServerAway: the server does not answer; a warning says so, once.
            ServerError: there is no limit for the machine, or the server refuses.
        """
        try:
            answer = await self._spawn(self._limits.lease(machine, holder=holder))
        except ServerAway as error:
            self._note_away(error)
            raise
        self._note_back()
        if isinstance(answer, Taken):
            return answer
        lease = Lease(machine=machine, holder=holder, id=answer)
        self._held.add(lease)
        self._lease_file.note(answer)
        return lease

    def give_back(self, lease: Lease) -> asyncio.Task[None]:
        """Starts to give the slot back; the task ends when the server knows, or when the lease ran out by itself."""
        lease.given_back = True
        self._held.discard(lease)
        returning = self._spawn(self._return(lease.id))
        self._returning.add(returning)
        returning.add_done_callback(self._returning.discard)
        return returning

    async def keep(self) -> None:
        """Renews what is held every 20 s, every 2 s while the server is away, until it is cancelled.

        A server that is away is a warning, one that forgot a lease gives a new one; neither ends it.
        """
        while True:
            await asyncio.sleep(_AWAY_SECONDS if self._away else RENEW_SECONDS)
            await self._spawn(self._renew_all())

    async def close(self, *, timeout_seconds: float = 3.0) -> None:
        """Gives everything back. What the server does not learn in time runs out by itself within a minute."""
        for lease in tuple(self._held):
            self.give_back(lease)
        if self._returning:
            await asyncio.wait(self._returning, timeout=timeout_seconds)

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        return asyncio.get_running_loop().create_task(work, context=self._context.copy())

    async def _renew_all(self) -> None:
        crowd = asyncio.Semaphore(_AT_ONCE)

        async def one(lease: Lease) -> None:
            async with crowd:
                await self._renew(lease)

        answers = await asyncio.gather(*map(one, tuple(self._held)), return_exceptions=True)
        errors = [answer for answer in answers if isinstance(answer, BaseException)]
        if errors:
            self._note_away(errors[0])
        else:
            self._note_back()

    async def _renew(self, lease: Lease) -> None:
        if lease.id and (await self._limits.renew(lease.id) or lease.given_back):
            return
        answer = await self._limits.lease(lease.machine, holder=lease.holder)
        self._lease_file.strike(lease.id)
        lease.id = None if isinstance(answer, Taken) else answer
        self._lease_file.note(lease.id)
        if lease.given_back:  # meanwhile
            await self._return(lease.id)

    async def _return(self, lease_id: UUID | None) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + LEASE_SECONDS
        while lease_id and loop.time() < until:
            try:
                await self._limits.release(lease_id)
            except ServerAway:
                await asyncio.sleep(_AWAY_SECONDS)
            except ServerError as error:
                self._warn(str(error))
                return
            else:
                self._lease_file.strike(lease_id)
                return

    def _note_away(self, error: BaseException) -> None:
        if not self._away:
            self._warn(f"{error} What runs goes on; slots are leased again when it is back.")
        self._away = True

    def _note_back(self) -> None:
        if self._away:
            self._warn("The Prefect server is back.")
        self._away = False


class LeaseFile:
    """The ids of leases, a line each. Without a path, and on a disk that takes no more, nothing is noted."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._ids: dict[UUID, None] = {}

    def left(self) -> tuple[UUID, ...]:
        """Reads what another process noted and did not strike out; nothing where the file cannot be read."""
        with contextlib.suppress(OSError, ValueError):
            return tuple(map(UUID, self._path.read_text(encoding="ascii").split())) if self._path else ()
        return ()

    def note(self, lease: UUID | None) -> None:
        """Notes that it is held from now on."""
        if lease:
            self._ids[lease] = None
            self._write()

    def strike(self, lease: UUID | None) -> None:
        """Strikes it out: it is held no longer."""
        if lease in self._ids:
            del self._ids[lease]
            self._write()

    def _write(self) -> None:
        with contextlib.suppress(OSError):
            if self._path:
                files.atomic_write(self._path, "".join(f"{lease}\n" for lease in self._ids))
