"""Leases of a run that was killed, with a real Prefect server."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate

from miyabi.machines import Machine
from tasks.concurrency import Lease, LeaseFile, Leases, SlotLimits, keep_reconciled
from tasks.concurrency.limits import limit_name
from tests.support.prefect.in_flow import fleet
from tests.support.prefect.server import prefect_database, prefect_server  # noqa: F401

pytestmark = pytest.mark.usefixtures("prefect_server")


def quietly(_: str) -> None:
    """Nobody is told."""


async def test_what_a_killed_process_held_is_given_back(tmp_path: Path) -> None:
    """The next one frees at once what is in the file, and nothing that was given back or leased by others."""
    (machine,) = fleet(4)
    async with get_client() as client:
        limits = SlotLimits(client)
        await limits.ensure([machine])
        killed = Leases(limits, warn=quietly, lease_file=LeaseFile(tmp_path / "leases"))
        taken = [await killed.take(machine, holder=uuid4()) for _ in range(3)]
        assert isinstance(taken[0], Lease)
        await killed.give_back(taken[0])
        other = Leases(limits, warn=quietly)
        await other.take(machine, holder=uuid4())
        assert await limits.active(machine) == 3

        await Leases(limits, warn=quietly, lease_file=LeaseFile(tmp_path / "leases")).take_over()
        assert await limits.active(machine) == 1
        await other.close()


async def test_a_leak_that_a_foreign_session_excused() -> None:
    """A slot that nobody holds stays taken while a session lives there, and is free soon after that one has ended."""
    (machine,) = fleet(2)
    living = 1

    async def sessions(_: Machine) -> int:
        return living

    async with get_client() as client:
        limits = SlotLimits(client)
        await limits.ensure([machine])
        await client.update_global_concurrency_limit(limit_name(machine), GlobalConcurrencyLimitUpdate(active_slots=2))
        times, logger = {"every_seconds": 0.1, "leak_seconds": 0.1}, logging.getLogger("prefect.test")
        work = asyncio.create_task(keep_reconciled(limits, [machine], sessions=sessions, logger=logger, **times))
        async with asyncio.timeout(120):
            while await limits.active(machine) != 1:
                await asyncio.sleep(0.1)
            living = 0
            while await limits.active(machine) != 0:
                await asyncio.sleep(0.1)
        work.cancel()


def test_the_file_has_what_is_held(tmp_path: Path) -> None:
    """What was struck out is not there; a file that is missing or no such file is an empty one."""
    first, second = UUID(int=1), UUID(int=2)
    lease_file = LeaseFile(tmp_path / "leases")
    assert lease_file.left() == ()
    for lease in (first, second):
        lease_file.note(lease)
    lease_file.strike(first)
    lease_file.strike(first)
    assert LeaseFile(tmp_path / "leases").left() == (second,)
    (tmp_path / "leases").write_text("what?")
    assert lease_file.left() == ()
    assert LeaseFile().left() == ()
