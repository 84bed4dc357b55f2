"""Machines that somebody has taken out for a while, as Prefect variables: one each, so that no two writers meet."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import VariableCreate, VariableUpdate
from prefect.client.schemas.objects import Variable
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from miyabi.machines import Cordon, Machine
from tasks.concurrency.limits import few_retries, patiently

CORDON_SECONDS = 2.0
"""So often a run looks: what it heeds within 5 s it has to have read before."""
_DIGITS = 8
_TAG = "miyabi"


def variable_name(machine: str) -> str:
    """Returns the name of the variable that holds a machine's cordon: the machine's as far as Prefect takes it."""
    readable = re.sub(r"[^a-z0-9]+", "_", machine.lower()).strip("_")
    return f"miyabi_cordon_{readable}_{hashlib.sha256(machine.encode()).hexdigest()[:_DIGITS]}"


@dataclass(frozen=True, slots=True)
class CordonStore:
    """The cordons on one server. One that is busy is asked again for some seconds before a method raises ServerAway."""

    client: PrefectClient

    async def read(self, machines: Sequence[str]) -> dict[str, Cordon]:
        """Reads those of these machines, over or not, by name. One that is no cordon of ours is none.

        Raises:
            ServerError: the server refuses, or does not answer (ServerAway).
        """
        names = [variable_name(machine) for machine in machines]
        wanted = {"variables": {"name": {"any_": names}}, "limit": len(names)}
        answer = await patiently(lambda: self.client.request("POST", "/variables/filter", json=wanted))
        cordons = (Cordon.read(variable.value) for variable in Variable.model_validate_list(answer.json()))
        return {cordon.machine: cordon for cordon in cordons if cordon and cordon.machine in machines}

    async def set(self, cordon: Cordon) -> None:
        """Keeps it, in place of another one of the machine.

        Raises:
            ServerError: the server refuses, or does not answer (ServerAway).
        """
        name, value = variable_name(cordon.machine), cordon.model_dump(mode="json")
        made, changed = VariableCreate(name=name, value=value, tags=[_TAG]), VariableUpdate(name=name, value=value)
        try:
            await patiently(lambda: self.client.create_variable(made))
        except ObjectAlreadyExists:
            await patiently(lambda: self.client.update_variable(changed))

    async def lift(self, machine: str) -> None:
        """Takes the machine's away; that there is none is no error.

        Raises:
            ServerError: the server refuses, or does not answer (ServerAway).
        """

        async def delete() -> None:
            with suppress(ObjectNotFound):
                await self.client.delete_variable_by_name(variable_name(machine))

        await patiently(delete)


@asynccontextmanager
async def cordon_store() -> AsyncIterator[CordonStore]:
    """Makes one with a client of its own, for who has none."""
    with few_retries(0):
        async with get_client() as client:
            yield CordonStore(client)


async def keep_cordons(
    store: CordonStore,
    machines: Sequence[Machine],
    *,
    note: Callable[[Mapping[str, Cordon]], None],
    logger: logging.Logger | logging.LoggerAdapter[logging.Logger],
    every_seconds: float = CORDON_SECONDS,
) -> None:
    """Looks every `every_seconds`, until it is cancelled, which machines somebody has taken out.

    `note` gets them by machine each time that the server answers; while it does not, the last answer counts.
    """
    names = [machine.name for machine in machines]
    while True:
        await asyncio.sleep(every_seconds)
        try:
            note(await store.read(names))
        except Exception as error:  # noqa: BLE001 - the server may be away until the next time
            logger.debug("Cordons were not read: %s", error)
