from __future__ import annotations

import json
import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from miyabi.claude import Evidence, Transcript, session_script
from miyabi.claude.evidence import Decision
from miyabi.claude.outcome import decide
from miyabi.machines import Machine
from miyabi.sessions import Outcome, SessionSpec
from tests.support.claude.messages_api import MessagesApi
from tests.support.claude.real import claude_machine, machine, messages_api, worktree  # noqa: F401 - fixtures
from tests.support.values.specs import session_spec


@dataclass(frozen=True, kw_only=True)
class Session:
    """What one launched session left."""

    transcript: Transcript
    decision: Decision


def git(folder: Path, *words: str) -> str:
    """What git prints."""
    return subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, text=True).stdout.strip()


def spec(prompt: str, **fields: Any) -> SessionSpec:
    """A spec whose claude may use Bash."""
    return session_spec(**({"prompt": prompt, "allowed_tools": ("Bash",)} | fields))


def launch(given: SessionSpec, machine: Machine, worktree: Path) -> subprocess.Popen[bytes]:
    """The launcher's script, started from a file with a clean environment and the prompt on stdin."""
    file = worktree.with_name("cmd")
    file.write_bytes(session_script(given, machine, checkout=str(worktree), inherited={}))
    process = subprocess.Popen(
        ["/bin/sh", str(file)],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(given.prompt.encode())
    process.stdin.close()
    process.stdin = None
    return process


def run(given: SessionSpec, machine: Machine, worktree: Path) -> Session:
    """The session, run to its end and judged by what it left."""
    with launch(given, machine, worktree) as process:
        out, err = process.communicate(timeout=240)
    transcript = Transcript()
    transcript.feed(out)
    transcript.finish()
    commits = int(git(worktree, "rev-list", "--count", "HEAD")) - 1
    evidence = Evidence(agent_exit=process.returncode, stderr=err.decode(), commits=commits, machine=machine.name)
    return Session(transcript=transcript, decision=decide(transcript, evidence))


def test_work(machine: Machine, worktree: Path, messages_api: MessagesApi) -> None:
    """The real claude understands the launcher's arguments, works in the worktree and commits in our name."""
    given = spec(
        'It\'s "quoted" $HOME `id` 日本語\nDo it. [[scenario:write]]',
        model="sonnet",
        max_turns=9,
        max_budget_usd=5,
        disallowed_tools=("WebFetch", "WebSearch"),
    )
    session = run(given, machine, worktree)
    assert session.decision == Decision(outcome=Outcome.SUCCEEDED)
    assert (session.transcript.session_id, session.transcript.turns) == (given.conversation, 2)
    assert git(worktree, "log", "-1", "--format=%an <%ae> %cn") == "Water Spider <water-spider@localhost> Water Spider"
    init = session.transcript.init
    assert init is not None
    assert (init.permission_mode, init.cwd) == ("dontAsk", str(worktree))
    assert {request.session for request in messages_api.requests} == {given.conversation}


def test_denied(machine: Machine, worktree: Path) -> None:
    """Without allowed tools nothing is committed, claude still claims success, and is not believed."""
    session = run(spec("[[scenario:write]]", allowed_tools=()), machine, worktree)
    assert session.transcript.result is not None
    assert session.transcript.result.is_error is False
    assert session.decision.outcome is Outcome.PERMISSION_DENIED


def test_limits(machine: Machine, worktree: Path) -> None:
    """The turn limit of the spec is claude's."""
    session = run(spec("[[scenario:max_turns]]", max_turns=2), machine, worktree)
    assert session.decision.outcome is Outcome.MAX_TURNS


def test_goes_on(machine: Machine, worktree: Path) -> None:
    """A session that was killed in the middle of a tool is gone on with in the same conversation."""
    first = spec("[[scenario:slow:60]]")
    process = launch(first, machine, worktree)
    with process:
        assert process.stdout is not None
        transcript = Transcript()
        while "sleep" not in transcript.last_action:
            transcript.feed(os.read(process.stdout.fileno(), 65536))
        time.sleep(0.5)
        process.terminate()
        process.communicate(timeout=240)
    assert decide(transcript, Evidence(agent_exit=process.returncode)).outcome is Outcome.KILLED
    second = run(spec("[[scenario:write]]", attempt=2, resumes=first.conversation), machine, worktree)
    assert second.decision.outcome is Outcome.SUCCEEDED
    assert second.transcript.session_id == first.conversation


def test_goes_on_with_nothing(machine: Machine, worktree: Path) -> None:
    """Where the conversation to go on with never came to be, it is begun."""
    earlier = spec("x").conversation
    session = run(spec("[[scenario:write]]", attempt=2, resumes=earlier), machine, worktree)
    assert session.decision.outcome is Outcome.SUCCEEDED
    assert session.transcript.session_id == earlier


def test_token_file(messages_api: MessagesApi, worktree: Path, tmp_path: Path) -> None:
    """A token from a file makes a subscription of it, whatever API key lies about."""
    home = tmp_path / "home"
    machine = claude_machine("mini1", base_url=messages_api.url, home=home)
    environment = {name: value for name, value in machine.environment.items() if name != "ANTHROPIC_API_KEY"}
    token = tmp_path / "token"
    token.write_text("dummy\n")
    token.chmod(0o600)
    given = spec("[[scenario:usage_limit]]", oauth_token_file=str(token))
    session = run(given, machine.model_copy(update={"environment": environment}), worktree)
    assert session.decision.outcome is Outcome.USAGE_LIMIT
    assert session.decision.resets_at is not None


def test_bad_flag(machine: Machine, worktree: Path) -> None:
    """An argument that claude refuses is a launch that failed, with claude's own words."""
    session = run(spec("x", permission_mode="no-such-mode"), machine, worktree)
    assert (session.decision.outcome, session.decision.error_kind) == (Outcome.LAUNCH_FAILED, "bad_argument")
    assert "no-such-mode" in (session.decision.error_text or "")


TAKES_BACK = {"autoMemoryEnabled": True, "env": {"CLAUDE_CODE_DISABLE_AUTO_MEMORY": "0"}}


@pytest.mark.parametrize("whose", ["nobody's", "the repository's", "the user's", "the machine's"])
def test_memory_is_off(machine: Machine, worktree: Path, messages_api: MessagesApi, whose: str) -> None:
    """What an earlier session noted is not told to a later one, whoever's settings and environment ask for it."""
    home = Path(machine.environment["HOME"])
    own = {"the repository's": worktree / ".claude", "the user's": home / ".claude"}.get(whose)
    for name in ("settings.json", "settings.local.json") if own else ():
        own.mkdir(parents=True, exist_ok=True)
        (own / name).write_text(json.dumps(TAKES_BACK))
    if whose == "the machine's":
        machine = machine.model_copy(update={"environment": machine.environment | TAKES_BACK["env"]})
    remember(home, worktree, messages_api)
    assert run(spec("[[scenario:write]]"), machine, worktree).decision.outcome is Outcome.SUCCEEDED
    assert [request.is_marked for request in messages_api.requests] == [False, False]


def test_memory_can_be_turned_on(machine: Machine, worktree: Path, messages_api: MessagesApi) -> None:
    """With `auto_memory` claude tells its later sessions what it noted, as it does where nobody turns that off."""
    remember(Path(machine.environment["HOME"]), worktree, messages_api)
    assert run(spec("[[scenario:write]]", auto_memory=True), machine, worktree).decision.outcome is Outcome.SUCCEEDED
    assert [request.is_marked for request in messages_api.requests] == [True, True]


def remember(home: Path, worktree: Path, messages_api: MessagesApi) -> None:
    """An earlier session has noted something for this worktree, which the API looks for from now on."""
    memory = home / ".claude/projects" / re.sub("[^A-Za-z0-9]", "-", str(worktree)) / "memory"
    memory.mkdir(parents=True)
    messages_api.marker = "read-in-an-issue"
    (memory / "MEMORY.md").write_text(f"- {messages_api.marker}\n")
