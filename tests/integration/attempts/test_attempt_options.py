"""Sessions that are told something besides: where it lies, what becomes of a server that does not start."""

from __future__ import annotations

import json
from pathlib import Path

from miyabi.sessions import Outcome, RemoteSession
from miyabi.text import REDACTED, redact
from tests.support.cli.canary import Canary
from tests.support.values.runs import Workshop, workshop  # noqa: F401 - a fixture

TOKEN = "canary-b41d77e0c952"  # noqa: S105 - nobody's
THERE = {"command": "/bin/sh", "env": {"ANY": TOKEN}}
BROKEN = {"command": "/no/such/server", "env": {"ANY": TOKEN}}


async def test_nothing_of_a_server_is_seen(workshop: Workshop) -> None:
    """What it gets by `env` is in files of the session that only its user can read, and in no command line."""
    live = await workshop.run(mcp_config={"tickets": THERE, "other": BROKEN}, append_system_prompt="Be brief.")
    with Canary(TOKEN) as canary:
        async with workshop.running(attempt := await workshop.attempt(live)) as task:
            session = workshop.folder / "m1/sessions/r1.a.1"
            assert {file.stat().st_mode & 0o777 for file in canary.files(session)} == {0o600}
            assert {file.name for file in canary.files(session)} == {"cmd", "mcp.json"}
            workshop.open_gate()
            result = await task
    assert result.outcome is Outcome.SUCCEEDED
    assert result.notes == ("its MCP server other did not start on m1 (failed)",)
    assert canary.in_commands == set()
    kept = {file.name: file.stat().st_mode & 0o777 for file in canary.files(live.folder.path)}
    assert kept == {"dag.json": 0o600}  # as it was given
    assert redact(f"it is {TOKEN}") == f"it is {REDACTED}"
    await RemoteSession(
        live.host(live.machines["m1"]), attempt.spec.paths.session, workspace=str(workshop.folder / "m1")
    ).remove()
    assert not session.exists()


async def test_a_server_that_is_needed(workshop: Workshop) -> None:
    """A session without it is stopped at once, whatever it would have done, and says what is missing."""
    live = await workshop.run(mcp_config={"tickets": BROKEN}, requires_mcp=["tickets"])
    async with workshop.running(await workshop.attempt(live)) as task:
        result = await task
    assert (result.outcome, result.error_kind) == (Outcome.LAUNCH_FAILED, "mcp_server")
    assert result.error_text is not None
    assert result.error_text.startswith("a needs MCP servers that did not start on m1: tickets; see on m1 why")
    assert (await workshop.status()).ended_by == "stop"


async def test_a_server_that_is_needed_and_there(workshop: Workshop) -> None:
    """It is as any other session then."""
    live = await workshop.run(mcp_config={"tickets": THERE}, requires_mcp=["tickets"])
    async with workshop.running(await workshop.attempt(live)) as task:
        workshop.open_gate()
        assert (await task).outcome is Outcome.SUCCEEDED


async def test_servers_where_their_label_is(workshop: Workshop) -> None:
    """A session has those of its machine's labels, and none of others'."""
    (workshop.folder / "repository/.miyabi").mkdir()
    tables = {"all": "sessions.mcp_config.all", "mac": "sessions.labels.xcode.mcp_config.mac"}
    text = "".join(f"[{table}]\ncommand = '/bin/sh'\n" for table in tables.values())
    (workshop.folder / "repository/.miyabi/config.toml").write_text(text)
    machines = workshop.machine("m1", labels=("xcode",)), workshop.machine("m2")
    live = await workshop.run(*machines, tasks=("a", "b"))
    workshop.open_gate()
    for task, machine in (("a", "m1"), ("b", "m2")):
        async with workshop.running(await workshop.attempt(live, task, machine)) as running:
            assert (await running).outcome is Outcome.SUCCEEDED
    files = [
        workshop.folder / f"{machine}/sessions/r1.{task}.1/mcp.json" for task, machine in (("a", "m1"), ("b", "m2"))
    ]
    assert [sorted(_servers(file)) for file in files] == [["all", "mac"], ["all"]]


def _servers(file: Path) -> list[str]:
    return list(json.loads(file.read_text())["mcpServers"])
