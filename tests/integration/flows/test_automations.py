"""Each automation of automations.yaml, fired for real at a real Prefect server; the waits of the file are shortened."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import FlowRun
from prefect.events import emit_event
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.states import Failed, Running

from flows.automations import apply_automations, delete_automations, notification_block_id, read_automations
from miyabi.errors import SettingsError
from tasks.events import resource
from tests.support.cli.local_site import make_local_site
from tests.support.notify.receiver import receiving
from tests.support.prefect.api import ask
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures

pytestmark = pytest.mark.usefixtures("prefect_server")
PATIENCE_SECONDS = 100.0


@flow(name="run-dag")
def nothing() -> None:
    """Stands for the flow of that name."""


@pytest.fixture
async def client() -> AsyncIterator[PrefectClient]:
    """Prefect's client, and none of our automations before and afterwards."""
    names = [each.name for each in read_automations(str(uuid.uuid4()))[0]]
    async with get_client() as client:
        await delete_automations(names)
        yield client
        await delete_automations(names)


def shortened(automation: AutomationCore) -> AutomationCore:
    """The same, which waits for ten seconds at most: Prefect allows no less."""
    trigger = automation.trigger
    if isinstance(trigger, EventTrigger) and trigger.posture == Posture.Proactive:
        trigger = trigger.model_copy(update={"within": timedelta(seconds=10)})
    return automation.model_copy(update={"trigger": trigger})


async def applied(block_id: str = "", *, only: str = "") -> None:
    """All of the file that can be, or one, with short waits."""
    found, _ = read_automations(block_id)
    await apply_automations([shortened(each) for each in found if only in each.name])


async def wait_until(check: Any, why: str) -> None:
    """Waits for what the server does by itself."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not await check():
        assert time.monotonic() < deadline, why
        await asyncio.sleep(0.3)


async def running(client: PrefectClient) -> FlowRun:
    """A flow run of ours whose process nobody hears from."""
    made = await client.create_flow_run(nothing, tags=["water-spider"], state=Running())
    flow_id = {"prefect.resource.id": f"prefect.flow.{made.flow_id}", "prefect.resource.name": "run-dag"}
    emit_event(
        "prefect.flow-run.heartbeat",
        resource={"prefect.resource.id": f"prefect.flow-run.{made.id}"},
        related=[{**flow_id, "prefect.resource.role": "flow"}],
    )
    return made


async def test_apply_may_be_repeated(client: PrefectClient) -> None:
    """Each is there once, and off where a person switched it off; delete leaves none."""
    found, left_out = read_automations()
    assert left_out == ("Water Spider: failed night",)
    assert {done for done, _ in await apply_automations(found)} == {"made"}
    (first,) = await client.read_automations_by_name(found[0].name)
    await client.pause_automation(first.id)
    await client.create_automation(found[1])  # as `prefect automation create --from-file` does, again
    assert {done for done, _ in await apply_automations(found)} == {"kept"}
    there = [each for name in found for each in await client.read_automations_by_name(name.name)]
    assert [each.name for each in there] == [each.name for each in found]
    assert [each.enabled for each in there] == [False, *[True] * (len(found) - 1)]
    names = [each.name for each in found]
    assert await delete_automations(names) == tuple(names)
    assert await delete_automations(names) == ()


async def test_a_block_that_cannot_notify_is_refused(client: PrefectClient) -> None:
    """It is named, with what to do."""
    with pytest.raises(SettingsError, match="block slack-webhook/none: there is none"):
        await notification_block_id("slack-webhook/none")


async def test_a_zombie_ends_as_crashed_and_people_are_told(client: PrefectClient) -> None:
    """A process that is not heard is given up, and whatever failed, under any name, is told by the block."""
    with receiving() as receiver:
        said = {"title": "{{subject}}", "message": "{{body}}"}
        url = f"http://127.0.0.1:{receiver.port}/hook"
        block = CustomWebhookNotificationBlock(name="night", url=url, json_data=said)
        await block.save("night", overwrite=True)
        await applied(await notification_block_id("custom-webhook/night"))
        zombie = await running(client)
        bad = await client.create_flow_run(nothing, tags=["water-spider"], state=Running())
        await client.create_flow_run(nothing, state=Failed(name="BadInput", message="not ours"))
        await client.set_flow_run_state(bad.id, Failed(name="BadInput", message="tasks.json: no such file"))

        async def is_over() -> bool:
            state = (await client.read_flow_run(zombie.id)).state
            return state is not None and state.is_crashed() and len(receiver.posts) >= 2

        await wait_until(is_over, f"{receiver.posts}")
    told = {post["title"]: post["message"] for post in receiver.posts}
    assert set(told) == {f"run-dag {bad.name} needs you: BadInput", f"run-dag {zombie.name} needs you: Crashed"}
    text = told[f"run-dag {bad.name} needs you: BadInput"]
    assert text.splitlines()[0] == "tasks.json: no such file"
    assert str(bad.id) in text


async def test_a_closed_quota_pauses_the_work_pool_until_it_opens(
    client: PrefectClient, prefect_server: RealServer
) -> None:
    """The pool of the run that met the limit, and no other; where nobody says that it is over, time does."""
    pools = [await client.create_work_pool(WorkPoolCreate(name=f"p-{uuid.uuid4().hex[:8]}")) for _ in "ab"]
    related = {"prefect.resource.id": f"prefect.work-pool.{pools[0].id}", "prefect.resource.role": "work-pool"}
    await applied(only="quota closed")
    await applied(only="quota opened")

    def say(event: str) -> None:
        emit_event(f"miyabi.quota.{event}", resource=resource("account", "team"), related=[related])

    async def is_paused(*, paused: bool) -> bool:
        both = [ask(f"{prefect_server.url}/work_pools/{pool.name}")["is_paused"] for pool in pools]
        return both == [paused, False]

    for event, paused in (("closed", True), ("opened", False), ("closed", True)):
        say(event)
        await wait_until(lambda paused=paused: is_paused(paused=paused), f"{event}: {paused}")
    await wait_until(lambda: is_paused(paused=False), "nobody said that it is over")


def test_the_command(tmp_path: Path, prefect_server: RealServer) -> None:
    """It says what it has made, left out and why, and removed; a block that is not there is bad input."""
    with make_local_site(tmp_path, prefect_server) as site:
        site.write_config()
        refused = site.start("automations", "apply", "--block", "slack-webhook/none")
        assert (refused.wait(), "block slack-webhook/none: there is none" in refused.output) == (2, True)
        applied = site.start("automations", "apply")
        assert applied.wait() == 0, applied.output
        assert "made     Water Spider: zombie flow run\n" in applied.output
        assert "left out Water Spider: failed night: it needs a notification block: --block TYPE/NAME" in applied.output
        deleted = site.start("automations", "delete").succeeds()
    assert deleted.count("deleted  Water Spider: ") == applied.output.count("made     ") == 4
