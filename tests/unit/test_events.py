"""The events that the documents promise are those of the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tasks import events
from tasks.events import EVENTS, emit

DOCUMENT = Path(__file__).parents[2] / "docs" / "events.md"
ROW = re.compile(r"^\| `miyabi\.([\w.-]+)` \| (.+) \| (.+) \| (.+) \|$", re.MULTILINE)
TOKEN = "ghp_" + "c3" * 18  # nobody's


def test_each_event_is_documented_as_it_is() -> None:
    """Name, moment, resource and payload stand in the table, in the same order."""
    rows = [
        (name, when, about, tuple(held.split(", "))) for name, when, about, held in ROW.findall(DOCUMENT.read_text())
    ]
    assert rows == [(each.name, each.when, each.about, each.payload) for each in EVENTS.values()]


def test_no_event_holds_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Payload and names of resources are redacted and cut; what a run has not is no related resource."""
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(events, "emit_event", lambda **event: sent.append(event))
    related = {"run": f"r1 {TOKEN}", "milestone": ""}
    emit("machine.down", TOKEN, related=related, run="r1", machine="mini1", why=f"{TOKEN} {'x' * 1000}")
    (event,) = sent
    assert event["event"] == "miyabi.machine.down"
    assert [each["prefect.resource.role"] for each in event["related"]] == ["run"]
    assert TOKEN not in str(event)
    assert len(event["payload"]["why"]) == 500


def test_an_event_holds_what_its_table_says() -> None:
    """Nothing more, nothing less."""
    with pytest.raises(AssertionError, match=r"machine\.up"):
        emit("machine.up", "mini1", related={}, machine="mini1")
