"""The options of a session as claude gets them, in every shell: words whole, files private, nothing for nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from miyabi.machines import Machine
from tests.support.claude.stub import NASTY, StubHome, outcome, shells, stub  # noqa: F401 - a fixture
from tests.support.values.options import CANARY, SERVER

MACHINE = Machine(name="mini1")
FOLDER = ".miyabi/sessions/r1.t1.1"


def told(stub: StubHome) -> dict[str, object]:
    """Options with every kind of character in them; folder and plugin are there."""
    plugin = stub.home / "it's a $plug in"
    plugin.mkdir()
    (stub.checkout / "beside").mkdir()
    servers = {"a": SERVER | {"env": {"A": NASTY, "TOKEN": CANARY}}}
    return {
        "effort": "low",
        "agent": NASTY,
        "fallback_model": NASTY,
        "append_system_prompt": f"{NASTY}\nmiyabi_end\nmiyabi_end_\n",
        "add_dirs": ("~", "beside"),
        "plugins": (str(plugin),),
        "settings": json.dumps({"env": {"A": NASTY}}),
        "mcp_config": (("", json.dumps(servers)),),
        "extra_args": ("--betas", NASTY),
        "allowed_tools": ("Bash",),
    }


def value(argv: list[str], flag: str) -> str:
    """What follows the flag."""
    return argv[argv.index(flag) + 1]


@pytest.mark.parametrize("shell", shells())
def test_options_arrive(stub: StubHome, shell: str) -> None:
    """Words, and files of the session's folder that nobody else can read, are as they were given."""
    argv: list[str] = stub.received(MACHINE, shell=shell, **told(stub))["argv"]
    assert (value(argv, "--agent"), value(argv, "--fallback-model")) == (NASTY, NASTY)
    assert argv[argv.index("--add-dir") :][1:4] == [str(stub.home), "beside", "--settings"]
    assert value(argv, "--plugin-dir") == str(stub.home / "it's a $plug in")
    assert argv[-4:] == ["--allowedTools", "Bash", "--betas", NASTY]
    files = [Path(value(argv, flag)) for flag in ("--settings", "--mcp-config", "--append-system-prompt-file")]
    assert {file.parent for file in files} == {stub.home / FOLDER}
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert (stub.home / FOLDER).stat().st_mode & 0o777 == 0o700
    settings, servers = (json.loads(file.read_text()) for file in files[:2])
    assert settings["env"]["A"] == servers["mcpServers"]["a"]["env"]["A"] == NASTY
    assert files[2].read_text() == f"{NASTY}\nmiyabi_end\nmiyabi_end_\n\n"
    assert not [word for word in argv if CANARY in word]


def test_no_options_no_files(stub: StubHome) -> None:
    """A session that is told nothing besides has no folder made for it by its script."""
    stub.received(MACHINE)
    assert not (stub.home / ".miyabi").exists()


@pytest.mark.parametrize("shell", shells())
@pytest.mark.parametrize("field", ["plugins", "add_dirs"])
def test_what_claude_would_not_miss(stub: StubHome, shell: str, field: str) -> None:
    """A folder or plugin that is not there ends the session before claude starts, and is named."""
    done = stub.run(MACHINE, shell=shell, **{field: ("~/no such",)})
    assert (done.returncode, done.stderr.decode()) == (66, f"miyabi: not on this machine: {stub.home}/no such\n")
    assert outcome(done) == "launch_failed: path_missing"


@pytest.mark.parametrize("shell", shells())
def test_files_that_cannot_be_written(stub: StubHome, shell: str) -> None:
    """Where the session's folder takes no file, claude is not started without what it was to be told."""
    (stub.home / ".miyabi").write_text("a file")
    done = stub.run(MACHINE, shell=shell, append_system_prompt="x")
    assert done.returncode == 73
    assert done.stderr.decode().endswith(f"miyabi: cannot write {stub.home}/{FOLDER}/system-prompt.txt\n")
    assert outcome(done) == "launch_failed: no_option_files"
