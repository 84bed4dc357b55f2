"""What a machine is asked before a task is sent there, on machines that lack something."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from miyabi.errors import MachineNotReady
from miyabi.machines import Machine, open_host
from miyabi.machines.local import LocalHost
from miyabi.runs import MachineReport, check_machine, differing_versions
from miyabi.settings import SessionDefaults, Settings
from tests.support.machines.sshd import start_fleet

TOOLS = ("sh", "cat", "df", "git", "ls", "mkdir", "perl", "sed", "tr", "uname")


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that holds every command of the machine."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in TOOLS:
        (folder / name).symlink_to(shutil.which(name) or name)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("HOME", str(tmp_path))
    return folder


def put(tools: Path, name: str, text: str) -> None:
    """A command of the machine that is this shell script."""
    (tools / name).unlink(missing_ok=True)
    (tools / name).write_text(f"#!/bin/sh\n{text}\n")
    (tools / name).chmod(0o755)


async def ask(tmp_path: Path, *, rehearse: bool = True, workspace: str = "", **sessions: Any) -> MachineReport:
    """What the check says of this machine."""
    machine = Machine(name="m", workspace=workspace or str(tmp_path / "work space"))
    settings = Settings(sessions=SessionDefaults.model_validate(sessions))
    return await check_machine(machine, LocalHost("m"), settings, rehearse=rehearse)


async def test_a_fit_machine(tools: Path, tmp_path: Path) -> None:
    """What it has is told, and its workspace is there from then on."""
    fit = await ask(tmp_path)
    assert (fit.machine, fit.git[:2], fit.claude) == ("m", "2.", "rehearsal")
    assert (fit.free_mib or 0) > 200
    assert (tmp_path / "work space").is_dir()


@pytest.mark.parametrize(
    ("name", "script", "said"),
    [
        ("perl", "exit 127", r"m: perl is missing\. Install perl there \(macOS ships it\)\."),
        ("git", "exit 127", r"m: git is missing\. Install git there \(macOS: xcode-select --install\)\."),
        ("git", "echo git version 2.19.9", r"m: git version 2\.19\.9 is too old\. Install git 2\.20 or newer there\."),
        ("git", "echo nonsense", r"m: nonsense is too old\. Install git"),
        ("df", "printf 'x\\n/dev/x 9 8 1024 99%% /a b\\n'", r"m: its disk is full: 1 MiB free at .*work space\."),
    ],
)
async def test_what_is_missing_is_named(tools: Path, tmp_path: Path, name: str, script: str, said: str) -> None:
    """Each thing that a session cannot do without has its sentence and its way out."""
    put(tools, name, script)
    with pytest.raises(MachineNotReady, match=said) as caught:
        await ask(tmp_path)
    assert caught.value.machine == "m"


@pytest.mark.parametrize("script", ["exit 1", "echo what", "printf 'x\\nshare - - - -%% /net\\n'"])
async def test_a_disk_that_cannot_be_measured(tools: Path, tmp_path: Path, script: str) -> None:
    """A df that says nothing usable is no reason to do without the machine."""
    put(tools, "df", script)
    assert (await ask(tmp_path)).free_mib is None


async def test_a_workspace_that_is_a_file(tools: Path, tmp_path: Path) -> None:
    """What can be written, but holds no folder, is no workspace."""
    (tmp_path / "file").touch()
    with pytest.raises(MachineNotReady, match=r"workspace .*/file cannot be written\. Set `workspace`"):
        await ask(tmp_path, workspace=str(tmp_path / "file"))


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'claude: cannot execute' >&2; exit 126", r"no claude at 'claude': claude: cannot execute\. Install"),
        ("exit 1", r"no claude at 'claude': it said nothing\. Install Claude Code"),
        ("echo '2.1.332 (Claude Code)'; exit 1", "claude is not logged in there"),
        ("echo '2.1.332 (Claude Code)'; echo '{\"loggedIn\": false}'", "claude is not logged in there"),
        ("echo '2.1.332 (Claude Code)'; echo '[]'", r"claude is not logged in there\. Run `claude setup-token`"),
    ],
)
async def test_a_claude_that_cannot_work(tools: Path, tmp_path: Path, script: str, said: str) -> None:
    """A claude that is none, or that nobody has logged in, is told from one that can work."""
    put(
        tools,
        "claude",
        f"case $* in --version*) {script.partition(';')[0]};; *) {script.partition(';')[2] or ':'};; esac",
    )
    with pytest.raises(MachineNotReady, match=said):
        await ask(tmp_path, rehearse=False)


CLAUDE = """case $* in --version*) echo '{} (Claude Code)';; *) echo '{{"loggedIn": true}}';; esac"""


@pytest.mark.parametrize("found", ["2.1.310", "2.1.99", "2.0.400", "1.9"])
async def test_a_claude_that_is_too_old(tools: Path, tmp_path: Path, found: str) -> None:
    """One older than the configuration wants is named with its version, number by number, and with what to do."""
    put(tools, "claude", CLAUDE.format(found))
    said = rf"m: Claude Code {re.escape(found)} is older than sessions\.min_claude \(2\.1\.311\)\. Update it there"
    with pytest.raises(MachineNotReady, match=said):
        await ask(tmp_path, rehearse=False, min_claude="2.1.311")
    assert (await ask(tmp_path, rehearse=False)).claude == found


@pytest.mark.parametrize("found", ["2.1.311", "2.1.1000", "2.2", "3.0.0"])
async def test_a_claude_that_is_new_enough(tools: Path, tmp_path: Path, found: str) -> None:
    """The oldest one that is allowed, and any newer one, is fit."""
    put(tools, "claude", CLAUDE.format(found))
    assert (await ask(tmp_path, rehearse=False, min_claude="2.1.311")).claude == found


@pytest.mark.parametrize("field", ["plugins", "add_dirs"])
async def test_a_folder_that_every_session_is_told_of(tools: Path, tmp_path: Path, field: str) -> None:
    """One that is not on the machine is named before anything starts; one of the checkout cannot be known yet."""
    put(tools, "claude", CLAUDE.format("2.1.332"))
    told = {field: ("~/mo re", "of the checkout")}
    with pytest.raises(MachineNotReady, match=rf"m: not on this machine: {tmp_path}/mo re\. Put it there, or mend"):
        await ask(tmp_path, rehearse=False, **told)
    (tmp_path / "mo re").mkdir()
    assert (await ask(tmp_path, rehearse=False, **told)).claude == "2.1.332"


async def test_a_rehearsal_needs_no_version(tools: Path, tmp_path: Path) -> None:
    """It needs no claude at all."""
    assert (await ask(tmp_path, min_claude="9.9")).claude == "rehearsal"


def report(machine: str, claude: str) -> MachineReport:
    """What a machine with that claude says."""
    return MachineReport(machine=machine, system="s", git="2", claude=claude, free_mib=None)


def test_versions_that_differ() -> None:
    """One sentence says which machine has which, the newest first; the same everywhere is nothing to say."""
    assert differing_versions([report("a", "2.1.9"), report("b", "2.1.9")]) == differing_versions([]) == []
    (found,) = differing_versions([report("a", "2.1.9"), report("b", "2.1.10"), report("c", "2.1.9")])
    assert found == (
        "the machines have different versions of Claude Code: 2.1.10 on b; 2.1.9 on a, c. "
        "Update the older ones there: claude update."
    )


async def test_a_login_that_runs_its_own_command() -> None:
    """An account that is good for one command only, such as git-shell's, is told with what it said."""
    with start_fleet(hosts=1, sshd_options=["ForceCommand echo only git here >&2 && exit 128"]) as fleet:
        host = open_host(fleet[0].machine())
        with pytest.raises(MachineNotReady, match=r"did not run our check: only git here\. Can this user run /bin/sh"):
            await check_machine(fleet[0].machine(), host, Settings(), rehearse=True)
        await host.close()
