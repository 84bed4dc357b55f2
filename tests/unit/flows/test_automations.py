"""What automations.yaml says, without a server."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

from prefect.events.actions import SendNotification
from prefect.events.schemas.automations import EventTrigger

from flows.automations import FILE, read_automations
from tasks.events import EVENTS

ROOT = Path(__file__).parents[3]


def test_the_file_at_the_top_is_the_one_that_is_installed() -> None:
    """It is package data, and no copy of it."""
    assert FILE.resolve() == ROOT / "automations.yaml"


def test_what_wants_a_block_is_left_out_without_one() -> None:
    """With one, every automation is made, and each that tells somebody tells the block."""
    block = uuid.uuid4()
    some, left_out = read_automations()
    every, none = read_automations(str(block))
    assert none == ()
    assert {each.name for each in every} - {each.name for each in some} == set(left_out) != set()
    actions = [action for each in every for action in each.actions if isinstance(action, SendNotification)]
    assert [action.block_document_id for action in actions] == [block]


def test_they_wait_for_events_that_there_are() -> None:
    """Names of ours are those of the table, and flows those of the deployments."""
    triggers = [each.trigger for each in read_automations()[0] if isinstance(each.trigger, EventTrigger)]
    ours = {name for trigger in triggers for name in trigger.expect | trigger.after if name.startswith("miyabi.")}
    assert ours <= {f"miyabi.{name}" for name in EVENTS}
    deployed = set(re.findall(r"deployment: ([\w-]+)/", (ROOT / "prefect.yaml").read_text()))
    assert all(f"          - {flow}\n" in FILE.read_text() for flow in deployed)


def test_each_is_documented() -> None:
    """The table has all of them."""
    text = (ROOT / "docs" / "events.md").read_text()
    names = [each.name.removeprefix("Water Spider: ") for each in read_automations(str(uuid.uuid4()))[0]]
    rows = [row.split("|")[1] for row in text.splitlines() if row.startswith("| ")]
    assert [name for name in names if not any(name in row for row in rows)] == []
