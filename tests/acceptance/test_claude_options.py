"""Every option that a session can be told, as the real claude takes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from miyabi.claude import Evidence, Transcript, missing_servers
from miyabi.claude.evidence import Decision
from miyabi.claude.outcome import decide
from miyabi.claude.session_notes import notes_of
from miyabi.machines import Machine
from miyabi.sessions import Outcome
from tests.acceptance.test_launched_claude import launch, spec
from tests.support.claude.mcp_server import server
from tests.support.claude.messages_api import MessagesApi
from tests.support.claude.real import machine, messages_api, worktree  # noqa: F401 - fixtures
from tests.support.cli.canary import Canary

TOKEN = "canary-0d8e51c7ab36"  # noqa: S105 - nobody's
BROKEN = {"command": "/no/such/server", "env": {"ANY": TOKEN}}


def run(machine: Machine, worktree: Path, *, scenario: str = "write", **told: Any) -> tuple[Transcript, Evidence]:
    """What a session that is told this said, and what else is known when it has ended."""
    given = spec(f"[[scenario:{scenario}]]", **told)
    with launch(given, machine, worktree) as process:
        out, err = process.communicate(timeout=240)
    transcript = Transcript()
    transcript.feed(out)
    transcript.finish()
    return transcript, Evidence(
        agent_exit=process.returncode,
        stderr=err.decode(),
        commits=1,
        machine="mini1",
        task="t1",
        missing_servers=missing_servers(given.requires_mcp, transcript.init) if transcript.init else (),
    )


def servers(**by_name: Any) -> tuple[tuple[str, str], ...]:
    """MCP servers of every machine."""
    return (("", json.dumps(by_name)),)


def plugin(folder: Path) -> Path:
    """A plugin with a command of its own."""
    (folder / ".claude-plugin").mkdir(parents=True)
    about = {"name": folder.name, "version": "1.0.0", "description": "x"}
    (folder / ".claude-plugin/plugin.json").write_text(json.dumps(about))
    (folder / "commands").mkdir()
    (folder / "commands/hello.md").write_text("Say hello.")
    return folder


@pytest.mark.parametrize(
    ("told", "in_request"),
    [
        ({"effort": "low"}, '"effort": "low"'),
        ({"effort": "high"}, '"effort": "high"'),
        ({"append_system_prompt": 'Speak of the "wombat" alone.\nAlways.'}, 'the \\"wombat\\" alone.\\nAlways.'),
        ({"settings": '{"model": "sonnet"}'}, '"model": "claude-sonnet'),
        ({"extra_args": ("--system-prompt", "You are a wombat.")}, "You are a wombat."),
        ({"mcp_config": servers(tickets=server())}, "mcp__tickets__say"),
    ],
)
def test_what_the_model_is_asked(
    machine: Machine, worktree: Path, messages_api: MessagesApi, told: dict[str, Any], in_request: str
) -> None:
    """The option is in each request of a session that is told it, and in none of one that is not."""
    messages_api.marker = in_request
    for fields, expected in (({}, False), (told, True)):
        before = len(messages_api.requests)
        transcript, evidence = run(machine, worktree, **fields, attempt=2 if fields else 1)
        assert decide(transcript, evidence) == Decision(outcome=Outcome.SUCCEEDED), evidence.stderr
        assert {request.is_marked for request in messages_api.requests[before:]} == {expected}


def test_agent(machine: Machine, worktree: Path, messages_api: MessagesApi) -> None:
    """The session is the agent that the checkout has; one that is not there is told by name."""
    messages_api.marker = "You are the wombat."
    (worktree / ".claude/agents").mkdir(parents=True)
    text = "---\nname: wombat\ndescription: digs\n---\n\nYou are the wombat.\n"
    (worktree / ".claude/agents/wombat.md").write_text(text)
    transcript, evidence = run(machine, worktree, agent="wombat")
    assert decide(transcript, evidence).outcome is Outcome.SUCCEEDED
    assert {request.is_marked for request in messages_api.requests} == {True}
    decision = decide(*run(machine, worktree, agent="platypus", attempt=2))
    assert (decision.outcome, decision.error_kind) == (Outcome.LAUNCH_FAILED, "agent_not_found")
    assert "--agent 'platypus' not found" in (decision.error_text or "")


def test_further_folders(machine: Machine, worktree: Path, tmp_path: Path, messages_api: MessagesApi) -> None:
    """The model is told which folders it may use besides."""
    messages_api.marker = str(tmp_path / "mo re")
    (tmp_path / "mo re").mkdir()
    transcript, evidence = run(machine, worktree, add_dirs=(messages_api.marker, "."))
    assert decide(transcript, evidence).outcome is Outcome.SUCCEEDED
    assert {request.is_marked for request in messages_api.requests} == {True}


def test_plugins(machine: Machine, worktree: Path, tmp_path: Path) -> None:
    """Each of several is there with its command."""
    folders = tuple(str(plugin(tmp_path / "plug ins" / name)) for name in ("day", "night"))
    transcript, evidence = run(machine, worktree, plugins=folders)
    assert decide(transcript, evidence).outcome is Outcome.SUCCEEDED
    assert transcript.init is not None
    assert {"day:hello", "night:hello"} <= transcript.init.slash_commands


def test_fallback_model(machine: Machine, worktree: Path, messages_api: MessagesApi) -> None:
    """Where the first model is overloaded, the other one answers."""
    patient = machine.model_copy(update={"environment": machine.environment | {"CLAUDE_CODE_MAX_RETRIES": "3"}})
    told = {"model": "opus", "fallback_model": "sonnet"}
    transcript, evidence = run(patient, worktree, scenario="overloaded529:3", **told)
    assert decide(transcript, evidence).outcome is Outcome.SUCCEEDED
    assert "sonnet" in messages_api.served[-1].model


def test_settings_are_private(machine: Machine, worktree: Path, tmp_path: Path) -> None:
    """What settings put into the environment of the session's commands is there, and in no command line."""
    hook = {"type": "command", "command": f'printf %s "$ANY" >{tmp_path}/seen'}
    settings = json.dumps({"env": {"ANY": TOKEN}, "hooks": {"SessionStart": [{"hooks": [hook]}]}})
    with Canary(TOKEN) as canary:
        transcript, evidence = run(machine, worktree, settings=settings)
    assert decide(transcript, evidence).outcome is Outcome.SUCCEEDED
    assert (tmp_path / "seen").read_text() == TOKEN
    assert canary.in_commands == set()


def test_a_server_and_what_it_is_given(machine: Machine, worktree: Path, tmp_path: Path) -> None:
    """A server gets its environment, in which alone its secret is; one that does not start is a note."""
    notes = tmp_path / "notes.json"
    given = servers(tickets=server(MCP_NOTES=str(notes), ANY=TOKEN), other=BROKEN)
    with Canary(TOKEN) as canary:
        transcript, evidence = run(machine, worktree, mcp_config=given)
    assert decide(transcript, evidence).outcome is Outcome.SUCCEEDED
    assert notes_of(transcript, evidence) == ("its MCP server other did not start on mini1 (failed)",)
    assert json.loads(notes.read_text())["ANY"] == TOKEN
    assert canary.in_commands == set()
    kept = {file.relative_to(tmp_path) for file in canary.files(tmp_path)} - {notes.relative_to(tmp_path)}
    assert {file.name for file in kept} == {"cmd", "mcp.json"}


@pytest.mark.parametrize(("allowed", "said"), [("mcp__tickets", True), ("mcp__tickets__say", True), ("Bash", False)])
def test_tools_of_a_server(machine: Machine, worktree: Path, allowed: str, *, said: bool) -> None:
    """They are allowed like any other, all of a server or one; what a server answers comes to the model."""
    told = {"mcp_config": servers(tickets=server()), "allowed_tools": (allowed,)}
    transcript, _ = run(machine, worktree, scenario="call:tickets", **told)
    assert transcript.result is not None
    assert (transcript.result.text == "Done. said it") is said
    assert bool(transcript.denials) is not said


def test_a_server_that_is_needed(machine: Machine, worktree: Path) -> None:
    """Without it the session has failed, whatever it says itself."""
    decision = decide(*run(machine, worktree, mcp_config=servers(tickets=BROKEN), requires_mcp=("tickets",)))
    assert (decision.outcome, decision.error_kind) == (Outcome.LAUNCH_FAILED, "mcp_server")


def test_no_other_servers(machine: Machine, worktree: Path) -> None:
    """Those of the repository do not start, with servers of ours or without."""
    (worktree / ".mcp.json").write_text(json.dumps({"mcpServers": {"repository": server()}}))
    for told, expected in (({}, set()), ({"mcp_config": servers(tickets=server()), "attempt": 2}, {"tickets"})):
        transcript, _ = run(machine, worktree, **told)
        assert transcript.init is not None
        assert set(transcript.init.mcp_servers or {}) == expected
