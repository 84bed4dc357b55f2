"""The slots of machines as Prefect's tag limits `slot:<machine>`: made, leased, renewed, given back, put right."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, GlobalConcurrencyLimitUpdate
from prefect.client.schemas.objects import ConcurrencyLeaseHolder
from prefect.client.schemas.responses import ConcurrencyLimitWithLeaseResponse, GlobalConcurrencyLimitResponse
from prefect.context import SettingsContext, get_settings_context
from prefect.exceptions import ObjectAlreadyExists, PrefectException
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES

from miyabi.errors import ServerAway, ServerError
from miyabi.machine import Machine

LEASE_SECONDS = 60
_PAGE = 200
_LEAK_SECONDS = 45.0
_AT_ONCE = 8
_BUSY = frozenset({408, 429, 500, 502, 503, 504})
_TAKEN = 423
_LIMIT_TOO_SMALL = 422
_GONE = 410

Sessions = Callable[[Machine], Awaitable[int]]
"""How many sessions run on a machine now, as the machine itself says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Every slot of the machine is leased. `retry_seconds` is when the server expects a free one."""

    retry_seconds: float


def limit_name(machine: Machine) -> str:
    """Name of the global limit behind the tag limit of the machine's slots."""
    return f"tag:{machine.slot_tag}"


def without_retries() -> contextvars.Context:
    """A copy of the context in which Prefect's client does not retry: who leases slots decides what comes next."""
    current = get_settings_context()
    settings = current.settings.copy_with_update(updates={PREFECT_CLIENT_MAX_RETRIES: 0})
    context = contextvars.copy_context()
    context.run(SettingsContext(profile=current.profile, settings=settings).__enter__)
    return context


@dataclass(frozen=True, slots=True)
class SlotLimits:
    """The limits on one server. Every method raises ServerAway where the server does not answer."""

    client: PrefectClient

    async def lease(self, machine: Machine, *, holder: UUID) -> UUID | Taken:
        """The id of a new lease of one slot, held for LEASE_SECONDS. Does not wait for a slot.

        Raises:
            ServerError: there is no limit for the machine; it would run any number of sessions.
        """
        with _server():
            try:
                response = await self.client.increment_concurrency_slots_with_lease(
                    names=[limit_name(machine)],
                    slots=1,
                    mode="concurrency",
                    lease_duration=LEASE_SECONDS,
                    holder=ConcurrencyLeaseHolder(type="task_run", id=holder),
                )
            except httpx.HTTPStatusError as error:
                return _taken(error.response)
        granted = ConcurrencyLimitWithLeaseResponse.model_validate(response.json())
        if granted.limits:
            return granted.lease_id
        await self.release(granted.lease_id)
        raise ServerError(
            f"The Prefect server has no concurrency limit {limit_name(machine)!r} any more: "
            f"nothing is started on {machine.name}. Start the run again, it makes the limit."
        )

    async def renew(self, lease: UUID) -> bool:
        """Holds the lease for another LEASE_SECONDS; False where the server no longer knows it."""
        with _server():
            try:
                await self.client.renew_concurrency_lease(lease_id=lease, lease_duration=LEASE_SECONDS)
            except httpx.HTTPStatusError as error:
                if error.response.status_code == _GONE:
                    return False
                raise
        return True

    async def release(self, lease: UUID) -> None:
        """Gives the slot back; one that is gone is no error."""
        with _server():
            await self.client.release_concurrency_slots_with_lease(lease_id=lease)

    async def ensure(self, machines: Sequence[Machine]) -> None:
        """Makes every machine's limit and sets it to the machine's slots."""
        known = await self._known()
        crowd = asyncio.Semaphore(_AT_ONCE)

        async def one(machine: Machine) -> None:
            async with crowd:
                await self._ensure_one(machine, known.get(limit_name(machine)))

        await asyncio.gather(*map(one, machines))

    async def reconcile(
        self, machines: Sequence[Machine], *, sessions: Sessions | None, leak_seconds: float = _LEAK_SECONDS
    ) -> tuple[str, ...]:
        """Names of the machines whose limit counts slots that nobody holds: put right where `sessions` is given.

        A slot is lost that way when the server is killed between counting it and writing its lease, or kept leases in
        memory. Leases that only expired are given back by the server itself, so a leak has to last `leak_seconds`.
        """
        suspects = [machine for machine in machines if await self._lost(machine)]
        if suspects:
            await asyncio.sleep(leak_seconds)
        leaking = [machine for machine in suspects if await self._lost(machine)]
        for machine in leaking if sessions else []:
            assert sessions  # noqa: S101 - for mypy
            await self._set_active(machine, max(await self._holders(machine), await sessions(machine)))
        return tuple(machine.name for machine in leaking)

    async def active(self, machine: Machine) -> int:
        """How many slots the server counts as taken."""
        with _server():
            return (await self.client.read_global_concurrency_limit_by_name(limit_name(machine))).active_slots

    async def _known(self) -> dict[str, GlobalConcurrencyLimitResponse]:
        known: dict[str, GlobalConcurrencyLimitResponse] = {}
        while True:
            with _server():
                page = await self.client.read_global_concurrency_limits(limit=_PAGE, offset=len(known))
            known |= {limit.name: limit for limit in page}
            if len(page) < _PAGE:
                return known

    async def _ensure_one(self, machine: Machine, known: GlobalConcurrencyLimitResponse | None) -> None:
        name = limit_name(machine)
        with _server():
            if known is None:
                with contextlib.suppress(ObjectAlreadyExists):
                    await self.client.create_global_concurrency_limit(
                        GlobalConcurrencyLimitCreate(name=name, limit=machine.slots)
                    )
                    return
            if known is None or known.limit != machine.slots or not known.active:
                update = GlobalConcurrencyLimitUpdate(limit=machine.slots, active=True)
                await self.client.update_global_concurrency_limit(name, update)

    async def _lost(self, machine: Machine) -> bool:
        return await self.active(machine) > await self._holders(machine)

    async def _holders(self, machine: Machine) -> int:
        with _server():
            return len((await self.client.read_concurrency_limit_by_tag(machine.slot_tag)).active_slots)

    async def _set_active(self, machine: Machine, active: int) -> None:
        with _server():
            update = GlobalConcurrencyLimitUpdate(active_slots=active)
            await self.client.update_global_concurrency_limit(limit_name(machine), update)


@contextlib.contextmanager
def _server() -> Iterator[None]:
    """The door: what Prefect's client raises becomes ServerAway or ServerError."""
    try:
        yield
    except httpx.HTTPStatusError as error:
        kind = ServerAway if error.response.status_code in _BUSY else ServerError
        raise kind(f"The Prefect server refused: {error}") from error
    except httpx.TransportError as error:
        raise ServerAway(f"The Prefect server does not answer ({error!r}).") from error
    except PrefectException as error:
        raise ServerError(f"The Prefect server refused: {error}") from error


def _taken(response: httpx.Response) -> Taken:
    """What a refused lease means: full, or an operator set the limit to 0."""
    if response.status_code == _TAKEN:
        return Taken(retry_seconds=float(response.headers.get("Retry-After", "1")))
    if response.status_code == _LIMIT_TOO_SMALL:
        return Taken(retry_seconds=LEASE_SECONDS)
    response.raise_for_status()
    raise ServerError(f"The Prefect server answered {response.status_code} to a lease.")
