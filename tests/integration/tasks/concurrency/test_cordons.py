"""The machines that somebody has taken out, kept on a real Prefect server."""

from __future__ import annotations

from uuid import uuid4

import pytest

from miyabi.machines import Cordon
from tasks.concurrency import cordon_store
from tasks.concurrency.cordons import variable_name
from tests.support.prefect.server import prefect_database, prefect_server  # noqa: F401 - fixtures

pytestmark = pytest.mark.usefixtures("prefect_server")


async def test_each_machine_has_its_own() -> None:
    """The last one that was set counts; names that Prefect would take for one are two; nothing to lift is no error."""
    dotted, dashed = (f"Mini{sign}{uuid4().hex[:6]}" for sign in ".-")
    first, then = (Cordon(machine=dotted, since=since, drains=since > 1, until=9.5) for since in (1.0, 2.0))
    other = Cordon(machine=dashed, since=3.0, by="kazu@studio")
    async with cordon_store() as store:
        for cordon in (first, other, then):
            await store.set(cordon)
        assert await store.read([dotted, dashed, "nobody"]) == {dotted: then, dashed: other}
        for _ in range(2):
            await store.lift(dotted)
        assert await store.read([dotted, dashed]) == {dashed: other}
        await store.lift(dashed)


def test_names_are_as_prefect_takes_them() -> None:
    """Lower case, digits and underscores; machines that differ in a sign alone have two."""
    names = {variable_name(machine) for machine in ("mini.1", "mini-1", "MINI.1", "-")}
    assert len(names) == 4
    assert all(name.replace("_", "").isalnum() and name == name.lower() for name in names)
