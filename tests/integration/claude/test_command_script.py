from __future__ import annotations

import json
import os
import pwd
import subprocess
from pathlib import Path

import pytest

from miyabi.claude.command import script
from miyabi.machines.machine import Machine
from miyabi.sessions.spec import SessionSpec
from tests.support.claude.stub import NASTY, Place, outcome, shells, stub_place

MACHINE = Machine(name="mini1")
EARLIER = "0cbee59b-3eb8-4ada-b90f-516cabf7302f"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A place of its own."""
    return stub_place(tmp_path)


@pytest.mark.parametrize("shell", shells())
def test_nothing_is_mangled(place: Place, shell: str) -> None:
    """Prompt, arguments and environment arrive as they were given, whatever characters they have."""
    given = SessionSpec(run="r1", task="t1", prompt=NASTY, model=NASTY, allowed_tools=(NASTY, "Edit"))
    told = place.told(
        Machine(name="mini1", environment={"MACHINE": NASTY}),
        shell=shell,
        model=NASTY,
        allowed_tools=(NASTY, "Edit"),
        environment=(("TASK", NASTY), ("EMPTY", "")),
        author_name=NASTY,
    )
    assert told["prompt"] == NASTY
    assert told["argv"][1:3] == ["--session-id", given.conversation]
    assert told["argv"][6:8] == ["--model", NASTY]
    assert told["argv"][-3:] == ["--allowedTools", NASTY, "Edit"]
    assert {told["env"][name] for name in ("MACHINE", "TASK", "GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME")} == {NASTY}
    assert told["env"]["EMPTY"] == ""
    assert told["cwd"] == str(place.checkout)


def test_environment(place: Place) -> None:
    """A session knows who it is, never asks for a password and finds what a login shell would find."""
    told = place.told(MACHINE, attempt=3)["env"]
    expected = {
        "MIYABI_RUN": "r1",
        "MIYABI_TASK": "t1",
        "MIYABI_ATTEMPT": "3",
        "MIYABI_SESSION": "r1.t1.3",
        "GIT_TERMINAL_PROMPT": "0",
        "DISABLE_AUTOUPDATER": "1",
        "GIT_AUTHOR_EMAIL": "water-spider@localhost",
        "HOME": str(place.home),
        "PATH": f"/usr/bin:/bin:{place.home}/.local/bin:/opt/homebrew/bin:/usr/local/bin",
    }
    assert {name: told[name] for name in expected} == expected


def test_home_is_always_set(place: Place) -> None:
    """Without HOME the script takes the one of the user's account."""
    machine = Machine(name="mini1", claude=str(place.claude))
    file = place.home / "script"
    given = SessionSpec(run="r1", task="t1", prompt="x")
    file.write_bytes(script(given, machine, checkout=str(place.checkout), inherited={}))
    done = subprocess.run(
        ["/usr/bin/env", "-i", "/bin/sh", str(file)], input=b"", capture_output=True, timeout=120, check=True
    )
    told = json.loads(done.stdout)["env"]
    assert told["HOME"] == pwd.getpwuid(os.getuid()).pw_dir
    assert f"{told['HOME']}/.local/bin" in told["PATH"].split(":")


def test_home_of_its_own(place: Place, tmp_path: Path) -> None:
    """Where a machine gives its sessions another HOME, claude and checkout are still found in the login's."""
    machine = Machine(name="mini1", claude="~/.local/bin/claude", environment={"HOME": str(tmp_path / "other")})
    told = place.told(machine, checkout="~/work trees/t'1")
    assert told["env"]["HOME"] == str(tmp_path / "other")
    assert told["cwd"] == str(place.checkout)


def test_worktree_missing(place: Place) -> None:
    """A worktree that is gone is told as that."""
    done = place.run(MACHINE, checkout="~/no such")
    assert (done.returncode, done.stderr.decode()) == (72, f"miyabi: checkout missing: {place.home}/no such\n")
    assert outcome(done) == "launch_failed: worktree_missing"


@pytest.mark.parametrize("shell", shells())
@pytest.mark.parametrize("claude", ["no-such-claude", "/no/such/claude", "~/no/claude"])
def test_claude_missing(place: Place, shell: str, claude: str) -> None:
    """A claude that is not there is told with the path and the PATH that was searched."""
    done = place.run(Machine(name="mini1", claude=claude), shell=shell)
    expanded = claude.replace("~", str(place.home))
    assert done.returncode == 127
    assert done.stderr.decode().startswith(f"miyabi: claude not found: {expanded} (PATH=/usr/bin:/bin:")
    assert outcome(done) == "launch_failed: claude_not_found"


@pytest.mark.parametrize("shell", shells())
def test_claude_not_executable(place: Place, shell: str) -> None:
    """A claude that may not be executed, or is a folder, is told as that."""
    place.claude.chmod(0o644)
    for path in (place.claude, place.claude.parent):
        done = place.run(Machine(name="mini1", claude=str(path)), shell=shell)
        assert done.returncode == 126
        assert outcome(done) == "launch_failed: claude_not_executable"


def transcript_file(place: Place, folder: str, text: str) -> Path:
    """What claude keeps of the conversation."""
    file = place.home / folder / "projects" / "-some-where" / f"{EARLIER}.jsonl"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return file


@pytest.mark.parametrize("shell", shells())
def test_going_on(place: Place, shell: str) -> None:
    """An attempt that goes on resumes the conversation where there is one, and else begins it."""
    assert place.told(MACHINE, shell=shell, resumes=EARLIER)["argv"][1:3] == ["--session-id", EARLIER]
    transcript_file(place, ".claude", '{"type":"queue-operation"}\n{"parent":1,"type":"user","message":{}}\n')
    assert place.told(MACHINE, shell=shell, resumes=EARLIER)["argv"][1:3] == ["--resume", EARLIER]
    assert place.told(MACHINE, shell=shell)["argv"][1] == "--session-id"


def test_going_on_elsewhere(place: Place) -> None:
    """The conversation is looked for where the session's claude keeps it."""
    transcript_file(place, "con fig", '{"type":"user"}\n')
    machine = Machine(name="mini1", environment={"CLAUDE_CONFIG_DIR": str(place.home / "con fig")})
    assert place.told(machine, resumes=EARLIER)["argv"][1] == "--resume"


def test_conversation_without_a_message(place: Place) -> None:
    """A conversation that was killed before its first message can only be begun anew, so it is put aside."""
    file = transcript_file(place, ".claude", '{"type":"queue-operation"}\n')
    assert place.told(MACHINE, resumes=EARLIER)["argv"][1] == "--session-id"
    assert not file.exists()
    assert file.with_name(f"{file.name}.old").exists()


def test_one_process(place: Place) -> None:
    """The shell becomes claude, so that a signal to the session's process is a signal to claude."""
    file = place.home / "script"
    machine = Machine(name="mini1", claude=str(place.claude))
    file.write_bytes(
        script(SessionSpec(run="r1", task="t1", prompt="x"), machine, checkout=str(place.checkout), inherited={})
    )
    with subprocess.Popen(["/bin/sh", str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        out, _ = process.communicate(b"x", timeout=120)
    assert json.loads(out)["pid"] == process.pid
