"""The real `claude` command for tests: where it is, and an environment that keeps it on loopback."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from miyabi.machines import Machine
from tests.support.claude.messages_api import MessagesApi
from tests.support.git.repositories import make_repository

PATH = "/usr/local/bin:/usr/bin:/bin"


def claude_binary() -> Path:
    """The `claude` that claude-agent-sdk carries; the test fails where that package is not installed."""
    spec = importlib.util.find_spec("claude_agent_sdk")
    if spec is None or spec.origin is None:
        pytest.fail("claude-agent-sdk is not installed: pip install -e '.[dev]'")
    binary = Path(spec.origin).parent / "_bundled" / "claude"
    if not os.access(binary, os.X_OK):
        binary.chmod(0o755)
    return binary


def claude_environment(base_url: str, *, home: Path, oauth: bool = False, retries: int = 1) -> dict[str, str]:
    """Environment of a session that reaches nothing but `base_url`, with a dummy credential and its own home.

    With `oauth` it is a subscription (usage limits), else an API key.
    """
    temporary = home / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    credential = "CLAUDE_CODE_OAUTH_TOKEN" if oauth else "ANTHROPIC_API_KEY"
    return {
        "HOME": str(home),
        "ANTHROPIC_BASE_URL": base_url,
        credential: "dummy",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_AUTOUPDATER": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_TMPDIR": str(temporary),
        "CLAUDE_CODE_MAX_RETRIES": str(retries),
        "API_TIMEOUT_MS": "20000",
        "IS_SANDBOX": "1",
    }


def claude_machine(
    name: str, *, base_url: str, home: Path, slots: int = 1, host: str | None = None, oauth: bool = False, **fields: Any
) -> Machine:
    """A machine whose sessions run the real `claude` against `base_url`; further fields as in Machine."""
    return Machine(
        name=name,
        host=host,
        slots=slots,
        claude=str(claude_binary()),
        environment=claude_environment(base_url, home=home, oauth=oauth),
        workspace=str(home / ".miyabi"),
        **fields,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaudeRun:
    """What one run of `claude` left: exit status, events of its stream, stderr."""

    exit_status: int
    events: tuple[dict[str, Any], ...]
    stderr: str

    @property
    def result(self) -> dict[str, Any]:
        """The last result event."""
        return [e for e in self.events if e.get("type") == "result"][-1]


def run_claude(
    prompt: str, *, folder: Path, environment: dict[str, str], options: Sequence[str] = (), timeout_seconds: float = 60
) -> ClaudeRun:
    """Run `claude -p` in `folder` with the prompt on stdin and a clean environment, and wait for its end."""
    command = [str(claude_binary()), "-p", "--output-format", "stream-json", "--verbose", "--strict-mcp-config"]
    done = subprocess.run(
        [*command, "--permission-mode", "dontAsk", "--allowedTools", "Bash", *options],
        input=prompt.encode(),
        cwd=folder,
        env={"PATH": PATH, "LANG": "C.UTF-8", **environment},
        capture_output=True,
        timeout=timeout_seconds,
        check=False,
    )
    events = tuple(json.loads(line) for line in done.stdout.splitlines())
    return ClaudeRun(exit_status=done.returncode, events=events, stderr=done.stderr.decode())


@pytest.fixture
def messages_api() -> Iterator[MessagesApi]:
    """A scripted Messages API for this test."""
    with MessagesApi() as api:
        yield api


@pytest.fixture
def machine(messages_api: MessagesApi, tmp_path: Path) -> Machine:
    """A machine whose claude talks to the scripted API."""
    return claude_machine("mini1", base_url=messages_api.url, home=tmp_path / "ho me")


@pytest.fixture
def worktree(tmp_path: Path) -> Path:
    """A git repository with one commit."""
    return make_repository(tmp_path / "t1")
