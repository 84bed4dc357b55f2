"""The probe where programs of the machine hang: it comes to an end, or is given up."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from miyabi.doctor import ask, ask_facts
from miyabi.errors import MachineError
from miyabi.machines import Machine
from miyabi.machines.local import LocalHost

TOOLS = (
    "sh",
    "cat",
    "chmod",
    "cut",
    "date",
    "df",
    "grep",
    "id",
    "ls",
    "mkdir",
    "perl",
    "ps",
    "rm",
    "sed",
    "tr",
    "uname",
)


@pytest.fixture
def hanging_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """This computer with a folder of commands of its own, of which git never answers."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in TOOLS:
        (folder / name).symlink_to(shutil.which(name) or name)
    (folder / "git").write_text(f"#!/bin/sh\nexec {shutil.which('sleep')} 600\n")
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("HOME", str(tmp_path))
    return Machine(name="m", workspace=str(tmp_path / "work space"))


async def test_a_program_that_hangs(hanging_machine: Machine) -> None:
    """It is ended after five seconds, and all else is known."""
    facts, sent, answered = await ask_facts(hanging_machine, LocalHost("m"), environment={}, token_file=None)
    assert answered - sent >= 5
    assert facts.text("git") == ""
    assert (facts.text("executes"), facts.text("workspace_writable"), facts.text("end")) == ("yes", "yes", "yes")


async def test_a_probe_that_does_not_come_to_its_end(hanging_machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no perl to end a program, the probe is given up in time."""
    (Path(hanging_machine.workspace).parent / "bin" / "perl").unlink()
    monkeypatch.setattr(ask, "WITHIN_SECONDS", 1)
    with pytest.raises(MachineError, match="a command took longer than 1 s"):
        await ask_facts(hanging_machine, LocalHost("m"), environment={}, token_file=None)


async def test_a_workspace_that_cannot_be() -> None:
    """Nothing is said of a folder that cannot be made; the pre-flight check names it."""
    machine = Machine(name="m", workspace="/proc/none")
    facts, _, _ = await ask_facts(machine, LocalHost("m"), environment={}, token_file=None)
    assert facts.text("workspace_writable") == ""
    assert not {"executes", "workspace_mode", "disk", "inodes"} & set(facts.lines)
