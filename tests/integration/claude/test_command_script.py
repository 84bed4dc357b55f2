from __future__ import annotations

import json
import os
import pwd
import subprocess
from pathlib import Path

import pytest

from miyabi.claude import session_script
from miyabi.machines import Machine
from tests.support.claude.stub import NASTY, StubHome, outcome, shells, stub  # noqa: F401 - a fixture
from tests.support.values.specs import session_spec

MACHINE = Machine(name="mini1")
EARLIER = "0cbee59b-3eb8-4ada-b90f-516cabf7302f"


@pytest.mark.parametrize("shell", shells())
def test_nothing_is_mangled(stub: StubHome, shell: str) -> None:
    """Prompt, arguments and environment arrive as they were given, whatever characters they have."""
    given = session_spec(prompt=NASTY, model=NASTY, allowed_tools=(NASTY, "Edit"))
    received = stub.received(
        Machine(name="mini1", environment={"MACHINE": NASTY}),
        shell=shell,
        model=NASTY,
        allowed_tools=(NASTY, "Edit"),
        environment=(("TASK", NASTY), ("EMPTY", "")),
        author_name=NASTY,
    )
    assert received["prompt"] == NASTY
    assert received["argv"][1:3] == ["--session-id", given.conversation]
    assert received["argv"][6:8] == ["--model", NASTY]
    assert received["argv"][-3:] == ["--allowedTools", NASTY, "Edit"]
    assert {received["env"][name] for name in ("MACHINE", "TASK", "GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME")} == {NASTY}
    assert received["env"]["EMPTY"] == ""
    assert received["cwd"] == str(stub.checkout)


@pytest.mark.parametrize("shell", shells())
def test_a_conversation_that_is_gone_is_begun_anew(stub: StubHome, shell: str) -> None:
    """Where the machine has no transcript of it, claude gets the prompt that tells what was done in it."""
    machine = Machine(name="mini1", workspace=str(stub.home / "work"))
    given = {"resumes": EARLIER, "prompt": "go on", "prompt_anew": NASTY}
    received = stub.received(machine, shell=shell, **given)
    assert (received["argv"][1:3], received["prompt"]) == (["--session-id", EARLIER], f"{NASTY}\n")
    transcript = stub.home / ".claude" / "projects" / "p" / f"{EARLIER}.jsonl"
    transcript.parent.mkdir(parents=True)
    transcript.write_text('{"type":"user"}\n')
    received = stub.received(machine, shell=shell, **given)
    assert (received["argv"][1:3], received["prompt"]) == (["--resume", EARLIER], "go on")


def test_environment(stub: StubHome) -> None:
    """A session knows who it is, never asks for a password and finds what a login shell would find."""
    received = stub.received(MACHINE, attempt=3)["env"]
    expected = {
        "MIYABI_RUN": "r1",
        "MIYABI_TASK": "t1",
        "MIYABI_ATTEMPT": "3",
        "MIYABI_SESSION": "r1.t1.3",
        "GIT_TERMINAL_PROMPT": "0",
        "DISABLE_AUTOUPDATER": "1",
        "GIT_AUTHOR_EMAIL": "water-spider@localhost",
        "HOME": str(stub.home),
        "PATH": f"/usr/bin:/bin:{stub.home}/.local/bin:/opt/homebrew/bin:/usr/local/bin",
    }
    assert {name: received[name] for name in expected} == expected


def test_home_is_always_set(stub: StubHome) -> None:
    """Without HOME the script takes the one of the user's account."""
    machine = Machine(name="mini1", claude=str(stub.claude))
    file = stub.home / "script"
    given = session_spec(prompt="x")
    file.write_bytes(session_script(given, machine, checkout=str(stub.checkout), inherited={}))
    done = subprocess.run(
        ["/usr/bin/env", "-i", "/bin/sh", str(file)], input=b"", capture_output=True, timeout=120, check=True
    )
    received = json.loads(done.stdout)["env"]
    assert received["HOME"] == pwd.getpwuid(os.getuid()).pw_dir
    assert f"{received['HOME']}/.local/bin" in received["PATH"].split(":")


def test_home_of_its_own(stub: StubHome, tmp_path: Path) -> None:
    """Where a machine gives its sessions another HOME, claude and checkout are still found in the login's."""
    machine = Machine(name="mini1", claude="~/.local/bin/claude", environment={"HOME": str(tmp_path / "other")})
    received = stub.received(machine, checkout="~/work trees/t'1")
    assert received["env"]["HOME"] == str(tmp_path / "other")
    assert received["cwd"] == str(stub.checkout)


def test_worktree_missing(stub: StubHome) -> None:
    """A worktree that is gone is told as that."""
    done = stub.run(MACHINE, checkout="~/no such")
    assert (done.returncode, done.stderr.decode()) == (72, f"miyabi: checkout missing: {stub.home}/no such\n")
    assert outcome(done) == "launch_failed: worktree_missing"


@pytest.mark.parametrize("shell", shells())
@pytest.mark.parametrize("claude", ["no-such-claude", "/no/such/claude", "~/no/claude"])
def test_claude_missing(stub: StubHome, shell: str, claude: str) -> None:
    """A claude that is not there is told with the path and the PATH that was searched."""
    done = stub.run(Machine(name="mini1", claude=claude), shell=shell)
    expanded = claude.replace("~", str(stub.home))
    assert done.returncode == 127
    assert done.stderr.decode().startswith(f"miyabi: claude not found: {expanded} (PATH=/usr/bin:/bin:")
    assert outcome(done) == "launch_failed: claude_not_found"


@pytest.mark.parametrize("shell", shells())
def test_claude_not_executable(stub: StubHome, shell: str) -> None:
    """A claude that may not be executed, or is a folder, is told as that."""
    stub.claude.chmod(0o644)
    for path in (stub.claude, stub.claude.parent):
        done = stub.run(Machine(name="mini1", claude=str(path)), shell=shell)
        assert done.returncode == 126
        assert outcome(done) == "launch_failed: claude_not_executable"


def transcript_file(stub: StubHome, folder: str, text: str) -> Path:
    """What claude keeps of the conversation."""
    file = stub.home / folder / "projects" / "-some-where" / f"{EARLIER}.jsonl"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return file


@pytest.mark.parametrize("shell", shells())
def test_going_on(stub: StubHome, shell: str) -> None:
    """An attempt that goes on resumes the conversation where there is one, and else begins it."""
    assert stub.received(MACHINE, shell=shell, resumes=EARLIER)["argv"][1:3] == ["--session-id", EARLIER]
    transcript_file(stub, ".claude", '{"type":"queue-operation"}\n{"parent":1,"type":"user","message":{}}\n')
    assert stub.received(MACHINE, shell=shell, resumes=EARLIER)["argv"][1:3] == ["--resume", EARLIER]
    assert stub.received(MACHINE, shell=shell)["argv"][1] == "--session-id"


def test_going_on_elsewhere(stub: StubHome) -> None:
    """The conversation is looked for where the session's claude keeps it."""
    transcript_file(stub, "con fig", '{"type":"user"}\n')
    machine = Machine(name="mini1", environment={"CLAUDE_CONFIG_DIR": str(stub.home / "con fig")})
    assert stub.received(machine, resumes=EARLIER)["argv"][1] == "--resume"


def test_conversation_without_a_message(stub: StubHome) -> None:
    """A conversation that was killed before its first message can only be begun anew, so it is put aside."""
    file = transcript_file(stub, ".claude", '{"type":"queue-operation"}\n')
    assert stub.received(MACHINE, resumes=EARLIER)["argv"][1] == "--session-id"
    assert not file.exists()
    assert file.with_name(f"{file.name}.old").exists()


def test_one_process(stub: StubHome) -> None:
    """The shell becomes claude, so that a signal to the session's process is a signal to claude."""
    file = stub.home / "script"
    machine = Machine(name="mini1", claude=str(stub.claude))
    file.write_bytes(session_script(session_spec(prompt="x"), machine, checkout=str(stub.checkout), inherited={}))
    with subprocess.Popen(["/bin/sh", str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        out, _ = process.communicate(b"x", timeout=120)
    assert json.loads(out)["pid"] == process.pid
