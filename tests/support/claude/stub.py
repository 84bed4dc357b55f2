"""A stub in place of claude, which prints how it was called, and the POSIX shells to call it with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from miyabi.claude import Evidence, Transcript, session_script
from miyabi.claude.outcome import decide
from miyabi.machines import Machine
from tests.support.values.specs import session_spec

NASTY = "it's \"quoted\" $HOME `id` $(id) \\ \\\\ !x *?[a] ~ #; & | <> \t日本語 🎉\nsecond line\n\n'"
STUB = f"""#!{sys.executable}
import json, os, sys
prompt = sys.stdin.buffer.read().decode()
print(json.dumps(dict(argv=sys.argv[1:], env=dict(os.environ), prompt=prompt, cwd=os.getcwd(), pid=os.getpid())))
"""


@dataclass(frozen=True, kw_only=True)
class StubHome:
    """A home with a checkout and a stub in place of claude, which tells how it was called."""

    home: Path

    @property
    def checkout(self) -> Path:
        """Where the session runs."""
        return self.home / "work trees" / "t'1"

    @property
    def claude(self) -> Path:
        """The stub."""
        return self.home / ".local" / "bin" / "claude"

    def run(
        self,
        machine: Machine,
        *,
        shell: str = "/bin/sh",
        checkout: str | None = None,
        home: str | None = None,
        **spec: Any,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run the session's script as the supervisor does: from a file, with the prompt on stdin."""
        given = session_spec(**({"prompt": NASTY} | spec))
        file = self.home / "script"
        file.write_bytes(session_script(given, machine, checkout=checkout or str(self.checkout), inherited={}))
        environment = {"PATH": "/usr/bin:/bin", "HOME": home or str(self.home), "ANTHROPIC_API_KEY": "stray"}
        return subprocess.run(
            [shell, str(file)],
            input=given.prompt.encode(),
            env=environment,
            capture_output=True,
            timeout=240,
            check=False,
        )

    def received(self, machine: Machine, **options: Any) -> dict[str, Any]:
        """What the stub told."""
        done = self.run(machine, **options)
        assert done.returncode == 0, done.stderr.decode()
        received: dict[str, Any] = json.loads(done.stdout)
        return received


def stub_home(folder: Path) -> StubHome:
    """A home below `folder` with a checkout and the stub."""
    stub = StubHome(home=folder / "ho me")
    stub.checkout.mkdir(parents=True)
    stub.claude.parent.mkdir(parents=True)
    stub.claude.write_text(STUB)
    stub.claude.chmod(0o755)
    return stub


@pytest.fixture
def stub(tmp_path: Path) -> StubHome:
    """The same for one test."""
    return stub_home(tmp_path)


def outcome(done: subprocess.CompletedProcess[bytes]) -> str:
    """How such an end is judged."""
    decision = decide(Transcript(), Evidence(agent_exit=done.returncode, stderr=done.stderr.decode()))
    return f"{decision.outcome}: {decision.error_kind}"


def shells() -> list[str]:
    """The POSIX shells of this machine."""
    known = ("/bin/sh", "/bin/dash", "/bin/bash", "/usr/bin/mksh", "/usr/bin/ksh", "/usr/bin/posh")
    return [shell for shell in known if os.access(shell, os.X_OK)]
