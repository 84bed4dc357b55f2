"""The account of a session is known to whoever joins it, or goes on with its conversation."""

from __future__ import annotations

import json

import pytest

from miyabi.attempts import Attempt
from miyabi.runs import AttemptRecord
from miyabi.sessions import Outcome
from tests.support.values.runs import Workshop, workshop  # noqa: F401 - a fixture


async def test_it_is_kept(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the record as it begins, in the result as it ends; an orchestrator that comes later chooses no other."""
    accounts = [{"name": name, "config_dir": str(workshop.folder / name)} for name in ("one", "two")]
    monkeypatch.setenv("MIYABI_ACCOUNTS", json.dumps(accounts))
    machine = workshop.machine(accounts=["one", "two"])
    live = await workshop.run(machine)
    node = live.dag.by_id["a"]
    with live.quota.book.using("one"):
        spec = await live.spec(node, attempt=1, machine=machine)
    assert dict(spec.environment)["CLAUDE_CONFIG_DIR"] == str(workshop.folder / "two")
    await workshop.left(Attempt(live=live, spec=spec, machine=machine))
    record = AttemptRecord.known(live.folder.attempt("a", 1))
    assert record
    assert record.account == "two"
    again = await workshop.run(machine)
    assert (await again.spec(node, attempt=1)).account == "two"
    assert (await again.spec(node, attempt=2, machine=machine)).account == "one"
    attempt = Attempt(live=again, spec=await again.spec(node, attempt=1, machine=machine), machine=machine)
    async with workshop.running(attempt) as task:
        workshop.open_gate()
        result = await task
    assert (result.outcome, result.account, workshop.calls()) == (Outcome.SUCCEEDED, "two", ["r1.a.1"])
    again.keep(result.model_copy(update={"session_id": "c"}))
    going_on = await again.spec(node, attempt=2, conversation="c", machine=machine)
    assert (going_on.account, going_on.environment) == ("two", spec.environment)
