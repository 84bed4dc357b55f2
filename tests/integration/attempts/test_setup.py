"""The set-up of a session's checkout: what it sees, what becomes of one that fails, what is never told."""

from __future__ import annotations

import asyncio
import json
import os
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import CliRunner

from flows.cli.logs import logs
from flows.cli.sessions import _cells
from miyabi.errors import SettingsError
from miyabi.machines import Machine
from miyabi.reports import write_report
from miyabi.runs import TaskState, preflight
from miyabi.runs.copies import MOST_BYTES
from miyabi.sessions import Outcome
from miyabi.views import MachineSessions
from tests.support.cli.canary import Canary
from tests.support.git.repositories import git
from tests.support.values.runs import Workshop, workshop  # noqa: F401 - a fixture

SAYS_DONE = json.dumps({"type": "result", "subtype": "success", "is_error": False, "result": "Done."})
AGENT = f"""#!/bin/sh
cat >/dev/null
date +%N >a.txt; git add a.txt; git commit -qm a; printf '%s\\n' '{SAYS_DONE}'
"""
CANARY = "canary-9d2e71b40a66"
SAYS = 'echo "$MIYABI_TASK $MIYABI_SLOT $MIYABI_PORT $GIVEN $INHERITED ${CLAUDE_CODE_OAUTH_TOKEN:-none}"'
KEEPS = 'echo "$MIYABI_SLOT" >>"$MIYABI_CACHE/seen" && cp .env made && cat made'


def configure(workshop: Workshop, text: str) -> Path:
    """Gives the workshop's repository these settings, and an ignored `.env` with a canary."""
    root = workshop.folder / "repository"
    (root / ".miyabi").mkdir(exist_ok=True)
    (root / ".miyabi/config.toml").write_text(text)
    (root / ".git/info/exclude").write_text(".env\n.miyabi/\n")
    (root / ".env").write_text(f"API_KEY={CANARY}\n")
    return root


async def test_set_up_session_and_check_have_one_surrounding(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables, slot, ports, cache and copied files are the same in all of them; the login is only claude's."""
    monkeypatch.setenv("INHERITED", "passed on")
    configure(workshop, f"[sessions]\nsetup = '''{SAYS} && {KEEPS}'''\ncopy_files = ['.env']\n")
    fields = {"environment": {"GIVEN": "here", "CLAUDE_CODE_OAUTH_TOKEN": "x"}, "inherit_environment": ("INHERITED",)}
    live = await workshop.run(workshop.machine(**fields), check=f"{SAYS} && {KEEPS}")
    workshop.open_gate()
    result = await (await workshop.attempt(live)).run()
    assert result.outcome is Outcome.SUCCEEDED, result.error_text
    assert result.changes.files == ("a.txt",)
    attempt = live.folder.attempt("a")
    said = "a 0 20000 here passed on none\nAPI_KEY=[redacted]\n"
    assert [(attempt / name).read_text() for name in ("setup.log", "check.log")] == [said, said]
    assert (workshop.folder / "m1/cache" / live.repository.key / "seen").read_text() == "0\n0\n"


async def test_a_red_set_up(workshop: Workshop) -> None:
    """Claude is not begun; the last lines stand in report and logs, and nothing of it is committed."""
    configure(
        workshop, "[sessions]\nsetup = 'cat .env; touch made; echo no such lock; exit 9'\ncopy_files = ['.env']\n"
    )
    live = await workshop.run()
    with Canary(CANARY) as canary:
        result = await (await workshop.attempt(live)).run()
        assert canary.in_commands == set()
        assert {file.name for file in canary.files(workshop.folder / "m1")} == {".env", "setup.log"}
        assert canary.files(live.folder.path) == []
    assert (result.outcome, result.check_output) == (Outcome.SETUP_FAILED, "API_KEY=[redacted]\nno such lock")
    assert (result.changes.commits, workshop.calls()) == (0, [])
    write_report(live.folder)
    assert "The set-up of `a`:\n\n```text\nAPI_KEY=[redacted]\nno such lock\n```" in live.folder.report_file.read_text()
    shown = await asyncio.to_thread(CliRunner().invoke, logs, ["r1", "a", "-C", str(live.repository.root)])
    assert shown.output.splitlines()[-3:] == [
        "  The set-up printed last:",
        "  | API_KEY=[redacted]",
        "  | no such lock",
    ]


async def _shown_state(workshop: Workshop) -> str:
    """What `miyabi sessions` says of the session."""
    found = [("r1.a.1", await workshop.status())]
    (session,) = MachineSessions.of(Machine(name="m1"), found, ended_too=True).sessions
    return _cells(session)[3]


async def test_a_set_up_is_watched(workshop: Workshop) -> None:
    """While it runs, board, `miyabi logs -f` and `miyabi sessions` say so, and what it prints, without secrets."""
    os.mkfifo(pipe := workshop.folder / "pipe")
    configure(workshop, f"[sessions]\nsetup = 'cat .env; echo halfway; cat {pipe}; echo end'\ncopy_files = ['.env']\n")
    live = await workshop.run()
    live.board.write(live.folder.status_file)
    words = ["r1", "a", "-f", "-C", str(live.repository.root)]
    with live.folder.lock():
        following = asyncio.create_task(asyncio.to_thread(CliRunner().invoke, logs, words))
        running = asyncio.create_task((await workshop.attempt(live)).run())
        async with asyncio.timeout(120):
            while live.board.snapshot().rows[0].last_action != "set-up: halfway":
                await asyncio.sleep(0.05)
        assert live.board.snapshot().rows[0].state is TaskState.PREPARING
        assert await _shown_state(workshop) == "set-up"
        workshop.open_gate()
        await asyncio.to_thread(pipe.write_text, "")
        result = await running
    assert result.outcome is Outcome.SUCCEEDED, result.error_text
    assert (await following).output.startswith("set-up | API_KEY=[redacted]\nset-up | halfway\n")
    assert await _shown_state(workshop) == "exited"


async def test_a_set_up_that_went_well_is_not_repeated(workshop: Workshop) -> None:
    """An attempt that goes on in the same checkout finds it set up."""
    workshop.claude.write_text(AGENT)
    live = await workshop.run(setup="echo once", check="exit 3")
    for number in (1, 2):
        result = await (await workshop.attempt(live)).run()
        assert (result.attempt, result.outcome) == (number, Outcome.CHECK_FAILED)
    assert [(live.folder.attempt("a", n) / "setup.log").read_text() for n in (1, 2)] == ["once\n", ""]


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("README.md", "'README.md' matches README.md, which is tracked: a checkout has that already"),
        ("new.*", "'new.*' matches new.txt, which git does not ignore: add it to .gitignore"),
        (".env.out", "'.env.out' matches .env.out, a link that leaves the repository; put the file itself there"),
        (".env.loop", "'.env.loop' matches .env.loop, which is no file that can be read; mend or remove it"),
        (".env.pipe", "'.env.pipe' matches .env.pipe, which is no file that can be read; mend or remove it"),
        (".env.large", "the files are 10.0 MB together, of which .env.large is 10.0 MB; at most 10.0 MB"),
    ],
)
async def test_what_cannot_be_copied(workshop: Workshop, pattern: str, said: str) -> None:
    """One line with file, field, what was found and what to do, and nothing is started."""
    root = configure(workshop, f"[sessions]\ncopy_files = ['.env', '{pattern}']\n")
    (root / "README.md").write_text("hello\n")
    git(root, "add", "README.md")
    (root / "new.txt").touch()
    (root / ".git/info/exclude").write_text(".env*\n.miyabi/\n")
    (root / ".env.out").symlink_to(workshop.folder)
    (root / ".env.large").touch()
    os.truncate(root / ".env.large", MOST_BYTES)
    (root / ".env.loop").symlink_to(".env.loop")
    os.mkfifo(root / ".git/pipe")
    (root / ".env.pipe").symlink_to(".git/pipe")
    with pytest.raises(SettingsError) as refused:
        await workshop.run()
    assert str(refused.value).startswith(f"{root}/.miyabi/config.toml: sessions.copy_files.1: {said}")
    assert "\n" not in str(refused.value)
    assert not (root / ".miyabi/runs").exists()


async def test_a_pattern_without_files_and_a_tool_that_is_missing(workshop: Workshop) -> None:
    """The first is a warning of the run; a machine without the second takes no part, and says why."""
    configure(
        workshop, "[sessions]\ncopy_files = ['none/**']\n[sessions.labels.m2]\nsetup = 'cd x && no-such-tool ci'\n"
    )
    live = await workshop.run(workshop.machine("m1"), workshop.machine("m2"), rehearse=True)
    assert live.warnings == [f"copy_files: 'none/**' matches no ignored file in {live.repository.root}."]
    (error,) = await preflight(live)
    assert str(error) == (
        "m2: there is no 'no-such-tool' on the PATH of its sessions, which sessions.labels.m2.setup calls. "
        "Install it there, add its folder to the machine's `environment.PATH`, or set another set-up."
    )
    assert list(live.machines) == ["m1"]


async def test_logs_know_what_was_copied(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a session reads aloud of a copied file is not shown by a command that is called later."""
    said = {"role": "assistant", "content": [{"type": "text", "text": f"It says {CANARY}."}]}
    event = json.dumps({"type": "assistant", "message": {"id": "m", "model": "x", **said}})
    workshop.claude.write_text(AGENT.replace("date +", f"printf '%s\\n' '{event}'; date +"))
    configure(workshop, "[sessions]\ncopy_files = ['.env']\n")
    live = await workshop.run()
    assert (await (await workshop.attempt(live)).run()).outcome is Outcome.SUCCEEDED
    monkeypatch.setattr(import_module("miyabi.text.redact"), "_known", set())  # as another process begins
    shown = await asyncio.to_thread(CliRunner().invoke, logs, ["r1", "a", "-C", str(live.repository.root)])
    assert "It says [redacted]." in shown.output
