"""What claude is told by a whole run: it arrives and is seen nowhere; what cannot be is said before anything runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from miyabi.sessions import Outcome
from tests.support.cli.canary import Canary
from tests.support.cli.local_site import LocalSite, make_local_site
from tests.support.machines.processes import eventually
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures

TOKEN = "canary-92c4b7e1d350"  # noqa: S105 - nobody's
THERE = {"command": "/bin/sh", "env": {"ANY": TOKEN}}
BROKEN = {"command": "/no/such/server", "env": {"ANY": TOKEN}}


@pytest.fixture
def told_site(tmp_path: Path, prefect_server: RealServer) -> Iterator[LocalSite]:
    """A site on this machine whose configuration a test writes."""
    with make_local_site(tmp_path, prefect_server) as site:
        yield site


def older(site: LocalSite, version: str) -> None:
    """The second machine has that version of claude."""
    program = site.claude.with_name("older")
    program.write_text(
        f'#!/bin/sh\ncase $* in --version*) echo "{version} (Claude Code)";; *) exec "${{0%older}}claude" "$@";; esac\n'
    )
    program.chmod(0o755)
    file = site.repository / ".miyabi/config.toml"
    first, second, rest = file.read_text().split("[[machines]]\n")[0:3]
    file.write_text("[[machines]]\n".join([first, second, rest.replace(str(site.claude), str(program))]))


def test_secrets_of_servers_are_seen_nowhere(told_site: LocalSite) -> None:
    """They are where they were given, and in the sessions' own files, and in no log, report, command line or server."""
    second = told_site.machines[1].name
    told_site.write_config(
        sessions={"mcp_config": {"tickets": THERE, "other": BROKEN}, "labels": {second: {"mcp_config": {"mac": THERE}}}}
    )
    nodes = [
        {"id": "fine", "prompt": "[[scenario:write]]", "requires_mcp": ["tickets"]},
        {"id": "there", "prompt": "[[scenario:write]]", "requires_mcp": ["mac"], "requires": [second]},
        {"id": "broken", "prompt": "[[scenario:write]]", "requires_mcp": ["other"]},
        {"id": "own", "prompt": "[[scenario:write]]", "settings": {"env": {"API_TOKEN": TOKEN}}, "mcp_config": {}},
    ]
    with Canary(TOKEN) as canary:
        assert told_site.orchestrate(nodes).wait() == 1
    rows = {row.task: row.outcome for row in told_site.report().tasks}
    succeeded = dict.fromkeys(("fine", "there", "own"), Outcome.SUCCEEDED)
    assert rows == succeeded | {"broken": Outcome.LAUNCH_FAILED}
    text = told_site.run_folder().report_file.read_text()
    assert "needs MCP servers that did not start on" in text
    assert "its MCP server other did not start on" in text
    assert canary.in_commands == set()
    given = {"config.toml", "tasks.json", "dag.json"}
    seen = {file.name for file in canary.files(told_site.folder, told_site.server.home)}
    assert seen - given == {"cmd", "mcp.json", "settings.json"}
    words = {call["session"].split(".")[1]: call["words"] for call in told_site.calls}
    assert {task for task, each in words.items() if "--mcp-config" in each} == {"fine", "there", "broken"}


def test_a_file_that_goes_away_meanwhile(told_site: LocalSite) -> None:
    """A node whose file is gone when its turn comes is not started, and says why; the rest goes on."""
    told_site.write_config()
    file = told_site.repository / "s.json"
    file.write_text("{}")
    nodes = [
        {"id": "first", "prompt": "[[scenario:gate:go]]"},
        {"id": "second", "prompt": "[[scenario:write]]", "settings": "s.json", "dependencies": ["first"]},
        {"id": "third", "prompt": "[[scenario:write]]", "dependencies": ["first"]},
    ]
    command = told_site.orchestrate(nodes)
    eventually(lambda: len(told_site.calls) == 1, seconds=120)
    file.unlink()
    told_site.open_gate("go")
    assert command.wait() == 1
    rows = {row.task: row.outcome for row in told_site.report().tasks}
    assert rows == {"first": Outcome.SUCCEEDED, "second": Outcome.NOT_STARTED, "third": Outcome.SUCCEEDED}
    assert "'settings': " in told_site.run_folder().report_file.read_text()


def test_an_older_claude(told_site: LocalSite) -> None:
    """A machine with one takes no part, which `check` and the report say; where none is left, nothing is started."""
    first, second = (machine.name for machine in told_site.machines)
    nodes = [{"id": "a", "prompt": "[[scenario:write]]"}]
    told_site.write_config(sessions={"min_claude": "2.1.332"})
    older(told_site, "2.1.300")
    said = f"{second}: Claude Code 2.1.300 is older than sessions.min_claude (2.1.332). Update it there (claude update)"
    check = told_site.start("check")
    assert check.wait() == 1
    assert re.search(f"^FAIL  {re.escape(said)}", check.output, re.MULTILINE)
    told_site.orchestrate(nodes).succeeds()
    assert f"not used: {said}" in " ".join(told_site.report().warnings)
    assert {row.machine for row in told_site.report().tasks} == {first}
    told_site.write_config(sessions={"min_claude": "2.2"})
    refused = told_site.orchestrate(nodes, run="r2")
    assert refused.wait() == 2
    assert "Claude Code 2.1.332 is older than sessions.min_claude (2.2)" in refused.output
    assert len(told_site.calls) == 1


def test_different_versions(told_site: LocalSite) -> None:
    """Machines that have them are all used, and `check` and the report warn."""
    first, second = (machine.name for machine in told_site.machines)
    told_site.write_config()
    older(told_site, "2.1.300")
    said = f"the machines have different versions of Claude Code: 2.1.332 on {first}; 2.1.300 on {second}."
    assert f"warning: {said}" in told_site.start("check").succeeds()
    told_site.orchestrate([{"id": "a", "prompt": "[[scenario:write]]"}]).succeeds()
    assert said in " ".join(told_site.report().warnings)


@pytest.mark.parametrize(
    ("sessions", "node", "said"),
    [
        ({"extra_args": ["--model", "x"]}, {}, "sessions.extra_args: must not have '--model' in it: set model"),
        ({"mcp_config": "none.json"}, {}, "sessions.mcp_config: {repository}/none.json is not there; name a JSON file"),
        ({"mcp_config": {"a": {"url": TOKEN}}}, {}, "sessions.mcp_config: server 'a' must have a text as command; one"),
        ({}, {"requires_mcp": ["a"]}, "node 'n': 'requires_mcp' names 'a', and no mcp_config has such a server"),
        (
            {},
            {"effort": "most"},
            "node 'n': 'effort' must be one of low, medium, high, xhigh, max, found the text 'most'",
        ),
    ],
)
def test_bad_input(told_site: LocalSite, sessions: dict[str, object], node: dict[str, object], said: str) -> None:
    """One line, exit code 2, and nothing was started."""
    told_site.write_config(sessions=sessions)
    command = told_site.orchestrate([{"id": "n", "prompt": "[[scenario:write]]"} | node])
    assert command.wait() == 2
    (line,) = [each for each in command.output.splitlines() if said.format(repository=told_site.repository) in each]
    assert TOKEN not in command.output
    assert line.startswith(f"miyabi: {told_site.folder}/")
    assert told_site.calls == []
    assert not (told_site.repository / ".miyabi/runs").exists()
