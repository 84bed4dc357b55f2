"""The slots of machines as Prefect's tag limits `slot:<machine>`: made, leased, renewed, given back, put right."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, GlobalConcurrencyLimitUpdate
from prefect.client.schemas.objects import ConcurrencyLeaseHolder
from prefect.client.schemas.responses import ConcurrencyLimitWithLeaseResponse, GlobalConcurrencyLimitResponse
from prefect.context import SettingsContext, get_settings_context
from prefect.exceptions import ObjectAlreadyExists, PrefectException

from miyabi.errors import MachineError, ServerAway, ServerError
from miyabi.machines import Machine
from miyabi.system import Backoff

T = TypeVar("T")

LEASE_SECONDS = 60
_PAGE = 200
LEAK_SECONDS = 45.0
_ZERO_SECONDS = 5.0
_BUSY_TRIES = 40
_BUSY_PAUSES = Backoff(0.02, 0.12, jitter=0.33)
_BUSY = frozenset({408, 429, 500, 502, 503, 504})
_TAKEN = 423
_LIMIT_TOO_SMALL = 422
_GONE = 410

Sessions = Callable[[Machine], Awaitable[int]]
"""How many sessions run on a machine now, as the machine itself says."""


class _BusyError(ServerAway):
    """It answers, but refuses work at the moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Every slot of the machine is leased. `retry_seconds` is when the server expects a free one.

    `reason` is why there is none at all, empty where they are only in use.
    """

    retry_seconds: float
    reason: str = ""


def limit_name(machine: Machine) -> str:
    """Returns the name of the global limit behind the tag limit of the machine's slots."""
    return f"tag:{machine.slot_tag}"


def taken_out(machine: Machine) -> MachineError:
    """Makes the error of a machine that somebody has taken out in Prefect's page, by setting its limit to 0."""
    text = (
        f"{machine.name} was taken out in Prefect, where its limit {limit_name(machine)} is 0. "
        f"To have it back, set the limit to {machine.slots} or delete it."
    )
    return MachineError(text, machine=machine.name)


def without_retries() -> contextvars.Context:
    """Copies the context, with a Prefect client that does not retry: who leases slots decides what comes next."""
    context = contextvars.copy_context()
    context.run(few_retries(0).__enter__)
    return context


def few_retries(count: int) -> SettingsContext:
    """Makes settings, to be entered, with which Prefect's client repeats a request that often at most."""
    current = get_settings_context()
    client = current.settings.client.model_copy(update={"max_retries": count})
    settings = current.settings.model_copy(update={"client": client})  # Prefect's way would read the user's files anew
    return SettingsContext(profile=current.profile, settings=settings)


@dataclass(frozen=True, slots=True)
class SlotLimits:
    """The limits on one server. One that is busy is asked again for some seconds before a method raises ServerAway."""

    client: PrefectClient

    async def lease(self, machine: Machine, *, holder: UUID) -> UUID | Taken:
        """Leases one slot for LEASE_SECONDS. Does not wait for one.

        Returns:
            The id of the lease, or `Taken` where there is none.

        Raises:
            ServerError: there is no limit for the machine, which would run any number of sessions; or the server
                refuses, or does not answer (ServerAway).
        """
        answer = await patiently(lambda: self._increment(machine, holder))
        if isinstance(answer, Taken) or answer.limits:
            return answer if isinstance(answer, Taken) else answer.lease_id
        await self.release(answer.lease_id)
        raise ServerError(
            f"The Prefect server has no concurrency limit {limit_name(machine)!r} any more: "
            f"nothing is started on {machine.name}. Start the run again, it makes the limit."
        )

    async def renew(self, lease: UUID) -> bool:
        """Holds the lease for another LEASE_SECONDS; returns False where the server no longer knows it.

        Raises:
            ServerError: the server refuses, or does not answer (ServerAway).
        """

        async def renew() -> bool:
            try:
                await self.client.renew_concurrency_lease(lease_id=lease, lease_duration=LEASE_SECONDS)
            except httpx.HTTPStatusError as error:
                if error.response.status_code == _GONE:
                    return False
                raise
            return True

        return await patiently(renew)

    async def release(self, lease: UUID) -> None:
        """Gives the slot back; one that is gone is no error.

        Raises:
            ServerError: the server refuses, or does not answer (ServerAway).
        """
        await patiently(lambda: self.client.release_concurrency_slots_with_lease(lease_id=lease))

    async def ensure(self, machines: Sequence[Machine]) -> tuple[MachineError, ...]:
        """Makes every machine's limit and sets it to the machine's slots, but for those that somebody has set to 0.

        Returns:
            An error for each machine whose limit is 0.

        Raises:
            ServerError: the server refuses, or does not answer (ServerAway).
        """
        known = await self._known()
        out = _taken_out(machines, known)
        for machine in machines:
            limit = known.get(limit_name(machine))
            if limit is None:
                await self._make(machine)
            elif not _is_zero(limit) and (limit.limit != machine.slots or not limit.active):
                await self._update(machine, GlobalConcurrencyLimitUpdate(limit=machine.slots, active=True))
        return out

    async def taken_out(self, machines: Sequence[Machine]) -> tuple[MachineError, ...]:
        """Finds the machines whose limit somebody has set to 0. Changes nothing.

        Returns:
            An error for each of them, which carries its name.

        Raises:
            ServerError: the server refuses, or does not answer (ServerAway).
        """
        return _taken_out(machines, await self._known())

    async def reconcile(
        self, machines: Sequence[Machine], *, sessions: Sessions | None, leak_seconds: float = LEAK_SECONDS
    ) -> tuple[str, ...]:
        """Finds the machines whose limit counts slots that nobody holds, and corrects it where `sessions` is given.

        A slot is lost that way when the server is killed between counting it and writing its lease, or kept leases in
        memory. Leases that only expired are given back by the server itself, so a leak has to last `leak_seconds`.

        Returns:
            Their names; with `sessions` only of those whose limit was corrected.

        Raises:
            ServerError: the server refuses, or does not answer (ServerAway).
            MachineError: as `sessions`.
        """
        suspects = [machine for machine in machines if await self._lost(machine)]
        if suspects:
            await asyncio.sleep(leak_seconds)
        leaking = [machine for machine in suspects if await self._lost(machine)]
        if sessions:
            leaking = [machine for machine in leaking if await self._put_right(machine, sessions)]
        return tuple(machine.name for machine in leaking)

    async def _put_right(self, machine: Machine, sessions: Sessions) -> bool:
        """Whether more was counted than leases and sessions account for."""
        held = max(await self._holders(machine), await sessions(machine))
        if await self.active(machine) <= held:
            return False
        await self._update(machine, GlobalConcurrencyLimitUpdate(active_slots=held))
        return True

    async def active(self, machine: Machine) -> int:
        """Returns how many slots of the machine the server counts as taken.

        Raises:
            ServerError: there is no limit for the machine; or the server refuses, or does not answer (ServerAway).
        """
        name = limit_name(machine)
        return (await patiently(lambda: self.client.read_global_concurrency_limit_by_name(name))).active_slots

    async def _increment(self, machine: Machine, holder: UUID) -> ConcurrencyLimitWithLeaseResponse | Taken:
        try:
            response = await self.client.increment_concurrency_slots_with_lease(
                names=[limit_name(machine)],
                slots=1,
                mode="concurrency",
                lease_duration=LEASE_SECONDS,
                holder=ConcurrencyLeaseHolder(type="task_run", id=holder),
            )
        except httpx.HTTPStatusError as error:
            if taken := _taken(error.response, machine):
                return taken
            raise
        return ConcurrencyLimitWithLeaseResponse.model_validate(response.json())

    async def _known(self) -> dict[str, GlobalConcurrencyLimitResponse]:
        known: dict[str, GlobalConcurrencyLimitResponse] = {}
        while True:
            offset = len(known)
            page = await patiently(lambda: self.client.read_global_concurrency_limits(limit=_PAGE, offset=offset))  # noqa: B023 - awaited here
            known |= {limit.name: limit for limit in page}
            if len(page) < _PAGE:
                return known

    async def _make(self, machine: Machine) -> None:
        limit = GlobalConcurrencyLimitCreate(name=limit_name(machine), limit=machine.slots)
        with contextlib.suppress(ObjectAlreadyExists):  # another run was quicker
            await patiently(lambda: self.client.create_global_concurrency_limit(limit))

    async def _update(self, machine: Machine, update: GlobalConcurrencyLimitUpdate) -> None:
        await patiently(lambda: self.client.update_global_concurrency_limit(limit_name(machine), update))

    async def _lost(self, machine: Machine) -> bool:
        return await self.active(machine) > await self._holders(machine)

    async def _holders(self, machine: Machine) -> int:
        tag = machine.slot_tag
        return len((await patiently(lambda: self.client.read_concurrency_limit_by_tag(tag))).active_slots)


async def machines_taken_out(machines: Sequence[Machine]) -> tuple[MachineError, ...]:
    """Finds the machines that were taken out, as `SlotLimits.taken_out` does, for who has no client.

    Raises:
        ServerError: the server refuses, or does not answer (ServerAway).
    """
    with few_retries(0):
        async with get_client() as client:
            return await SlotLimits(client).taken_out(machines)


async def patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """Returns the answer; asks again for some seconds while the server says that it is busy, as SQLite makes it say."""
    for pause in islice(_BUSY_PAUSES, _BUSY_TRIES):
        try:
            with _server():
                return await ask()
        except _BusyError:
            await asyncio.sleep(pause)
    raise ServerAway(f"The Prefect server is too busy: {_BUSY_TRIES} times it refused to answer.")


@contextlib.contextmanager
def _server() -> Iterator[None]:
    """Makes what Prefect's client raises one of our errors."""
    try:
        yield
    except ObjectAlreadyExists:
        raise
    except httpx.HTTPStatusError as error:
        if error.response.status_code in _BUSY:
            raise _BusyError from error
        raise ServerError(f"The Prefect server refused: {error}") from error
    except (httpx.ReadError, httpx.RemoteProtocolError) as error:  # the server closes a connection after each "busy"
        raise _BusyError from error
    except httpx.TransportError as error:
        raise ServerAway(f"The Prefect server does not answer ({error!r}).") from error
    except PrefectException as error:
        raise ServerError(f"The Prefect server refused: {error}") from error


def _taken(response: httpx.Response, machine: Machine) -> Taken | None:
    """What a refused lease means where it means full; an operator who set the limit to 0 means it too."""
    if response.status_code == _TAKEN:
        return Taken(retry_seconds=float(response.headers.get("Retry-After", "1")))
    if response.status_code == _LIMIT_TOO_SMALL:
        return Taken(retry_seconds=_ZERO_SECONDS, reason=str(taken_out(machine)))
    return None


def _is_zero(limit: GlobalConcurrencyLimitResponse) -> bool:
    return limit.active and limit.limit == 0


def _taken_out(
    machines: Sequence[Machine], known: Mapping[str, GlobalConcurrencyLimitResponse]
) -> tuple[MachineError, ...]:
    found = [(machine, known.get(limit_name(machine))) for machine in machines]
    return tuple(taken_out(machine) for machine, limit in found if limit and _is_zero(limit))
