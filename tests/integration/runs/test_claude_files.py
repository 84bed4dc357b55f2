"""`sweep` takes away what claude has kept of our sessions outside of their checkouts, and nothing of anybody else's."""

from __future__ import annotations

import json
import os
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from miyabi.claude import remove_claude_files
from miyabi.errors import RemoteFailed
from miyabi.machines import Machine
from miyabi.machines.local import LocalHost

DAY = 86400


@dataclass(frozen=True, kw_only=True)
class Home:
    """A machine's workspace, and claude's folder there."""

    workspace: Path
    claude: Path
    scratch: Path
    environment: Mapping[str, str]

    def project(self, folder: str | Path) -> Path:
        """Claude's folder for sessions that begin in that folder, which is below the workspace."""
        return self.claude / "projects" / re.sub("[^A-Za-z0-9]", "-", self.path(folder))

    def path(self, folder: str | Path) -> str:
        """The same folder, in full."""
        return os.path.normpath(self.workspace / folder)

    def remember(self, folder: str | Path) -> Path:
        """Claude has noted something there."""
        memory = self.project(folder) / "memory"
        memory.mkdir(parents=True, exist_ok=True)
        (memory / "MEMORY.md").write_text("what the first one read in an issue\n")
        return memory

    def session(self, folder: str | Path, *, began: str | Path | None = None, days: float = 0) -> tuple[Path, ...]:
        """All that claude keeps of one session; `began` where its project's name misleads."""
        known = str(uuid.uuid4())
        line = {
            "type": "user",
            "message": {"content": 'in "cwd":"/elsewhere"'},
            "cwd": self.path(began or folder),
        }
        transcript = self.project(folder) / f"{known}.jsonl"
        inner = self.project(folder) / known / "subagents" / "agent-1.jsonl"
        others = [self.claude / kind / known / "x" for kind in ("file-history", "session-env")]
        for file in (transcript, inner, *others, self.claude / "todos" / f"{known}-agent-{known}.json"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f'{{"type":"queue-operation"}}\n{json.dumps(line)}\n')
        age = time.time() - days * DAY
        os.utime(transcript, (age, age))
        return transcript, inner, *others

    def print_of(self, folder: str | Path) -> Path:
        """What a background command of a session printed."""
        output = self.scratch / self.project(folder).name / "1" / "tasks" / "a.output"
        output.parent.mkdir(parents=True)
        output.write_text("printed\n")
        return output

    async def sweep(self, *tasks: str, keep_days: float = 30, sessions: Mapping[str, str] | None = None) -> None:
        """Sweeps the run r1, whose tasks were these."""
        machine = Machine(name="m1", workspace=str(self.workspace), environment=dict(self.environment))
        given, host = sessions or {}, LocalHost()
        await remove_claude_files(machine, host, environment=given, keep_days=keep_days, run="r1", tasks=tasks)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A machine whose claude has a home of its own."""
    (tmp_path / "ws").mkdir()
    scratch = tmp_path / "tmp" / f"claude-{os.getuid()}"
    environment = {"HOME": str(tmp_path / "home"), "CLAUDE_CODE_TMPDIR": str(tmp_path / "tmp")}
    return Home(workspace=tmp_path / "ws", claude=tmp_path / "home/.claude", scratch=scratch, environment=environment)


@pytest.mark.parametrize("folder", ["checkouts/r1/a/a", "worktrees/r1/a", "checkouts/r1/a/a/.claude/worktrees/x"])
async def test_memory_goes_at_once_and_transcripts_stay(home: Home, folder: str) -> None:
    """Of checkouts of this build, of worktrees of earlier ones, and of worktrees that claude made in them."""
    kept, memory, printed = home.session(folder), home.remember(folder), home.print_of(folder)
    await home.sweep("a")
    assert not memory.exists()
    assert not printed.exists()
    assert [path for path in kept if not path.exists()] == []


@pytest.mark.parametrize("folder", ["checkouts/r1/a/a", "worktrees/r1/a"])
async def test_a_memory_without_any_transcript_goes_too(home: Home, folder: str) -> None:
    """A session that was killed before its first word may have left nothing else."""
    home.remember(folder)
    await home.sweep("a")
    assert not home.project(folder).exists()


async def test_transcripts_go_when_they_are_old(home: Home) -> None:
    """With all that belongs to them, of this run and of any that was swept before; younger ones stay."""
    old = [*home.session("checkouts/r1/a/a", days=31), *home.session("worktrees/r0/b", days=31)]
    young = home.session("checkouts/r0/b/b", days=29)
    await home.sweep("a")
    assert [path for path in old if path.exists()] == []
    assert [path for path in young if not path.exists()] == []
    assert [path.name for path in (home.claude / "projects").iterdir()] == [home.project("checkouts/r0/b/b").name]
    assert len(list((home.claude / "todos").iterdir())) == 1


async def test_nothing_is_kept_for_no_days(home: Home) -> None:
    """Then transcripts go with the run."""
    home.session("checkouts/r1/a/a")
    await home.sweep("a", keep_days=0)
    assert list((home.claude / "projects").iterdir()) == []


async def test_a_run_that_is_not_swept_keeps_everything(home: Home) -> None:
    """However old it is: its checkout is there, and it may be gone on with."""
    for folder in ("checkouts/r2/a/a", "worktrees/r2/b", "checkouts/r1/a/a"):
        (home.workspace / folder).mkdir(parents=True)
    folders = ("checkouts/r2/a/a", "worktrees/r2/b", "checkouts/r1/a/a")
    kept = [path for folder in folders for path in (*home.session(folder, days=99), home.remember(folder))]
    await home.sweep("a", keep_days=0)
    assert [path for path in kept if not path.exists()] == []


@pytest.mark.parametrize(
    ("folder", "began"),
    [
        ("../project", "../project"),
        ("worktrees-mine/r1/a", "worktrees-mine/r1/a"),
        ("checkouts/r1/a/a", "checkouts-r1-a-a"),
        ("worktrees/r1/a", "worktrees/r1-a"),
        ("checkouts/r1", "checkouts/r1"),
        ("../ws.old/checkouts/r1/a/a", "../ws.old/checkouts/r1/a/a"),
    ],
)
async def test_what_is_not_ours_stays(home: Home, folder: str, began: str) -> None:
    """A person's own project, though claude writes its name like one of ours, with a dash for every other sign."""
    kept = (*home.session(folder, began=began, days=99), home.remember(folder))
    record = home.claude.parent / ".claude.json"
    record.write_text(f'{{"projects":{{"{home.workspace}/checkouts/r1/a/a":{{}}}}}}')
    await home.sweep("a", "other", keep_days=0)
    assert [path for path in kept if not path.exists()] == []
    assert "checkouts/r1" in record.read_text()


async def test_two_sessions_of_one_name(home: Home) -> None:
    """A project that holds a person's session beside one of ours stays as it is."""
    kept = (*home.session("checkouts/r1/a/a", days=99), *home.session("checkouts/r1/a/a", began="checkouts-r1/a/a"))
    await home.sweep("a", keep_days=0)
    assert [path for path in kept if not path.exists()] == []


async def test_the_memory_that_linked_worktrees_shared(home: Home) -> None:
    """Earlier builds' tasks had one memory for all; it goes when none of them is left."""
    repository = home.workspace / "repos/project-1.git"
    (repository / "worktrees/r2+a").mkdir(parents=True)
    memory = home.remember("repos/project-1.git")
    await home.sweep("a")
    assert memory.exists()
    (repository / "worktrees/r2+a").rmdir()
    await home.sweep("a")
    assert not memory.exists()


@pytest.mark.parametrize("said_by", ["machine", "sessions", "default"])
async def test_where_claude_keeps_it(home: Home, said_by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CLAUDE_CONFIG_DIR and HOME hold as they held for the sessions, whoever had set them."""
    there = tmp_path / "it's elsewhere"
    monkeypatch.setenv("HOME", str(there))
    machine = {"CLAUDE_CONFIG_DIR": str(there)} if said_by == "machine" else {}
    claude = there / ".claude" if said_by == "default" else there
    other = Home(workspace=home.workspace, claude=claude, scratch=home.scratch, environment=machine)
    memory, beside = other.remember("checkouts/r1/a/a"), home.remember("checkouts/r1/a/a")
    await other.sweep("a", sessions={"CLAUDE_CONFIG_DIR": str(there)} if said_by == "sessions" else None)
    assert (memory.exists(), beside.exists()) == (False, True)


async def test_what_links_elsewhere_is_not_followed(home: Home, tmp_path: Path) -> None:
    """A project that is a link is none of claude's; a memory that is one goes, and not what it points to."""
    precious = tmp_path / "precious"
    (precious / "memory").mkdir(parents=True)
    project = home.project("checkouts/r1/b/b")
    project.parent.mkdir(parents=True)
    project.symlink_to(precious)
    home.session("checkouts/r1/a/a")
    (home.project("checkouts/r1/a/a") / "memory").symlink_to(precious)
    await home.sweep("a", "b")
    assert (precious / "memory").exists()
    assert not (home.project("checkouts/r1/a/a") / "memory").is_symlink()


async def test_a_machine_without_any_of_it(home: Home) -> None:
    """There is nothing to do where claude never ran, nor where the workspace is gone."""
    await home.sweep("a")
    home.workspace.rename(home.workspace.with_name("gone"))
    await home.sweep("a")


@pytest.mark.skipif(os.getuid() == 0, reason="root may remove anything")
async def test_what_cannot_be_removed_is_reported(home: Home) -> None:
    """The path is named."""
    memory = home.remember("checkouts/r1/a/a")
    memory.parent.chmod(0o500)
    with pytest.raises(RemoteFailed, match="memory"):
        await home.sweep("a")
    memory.parent.chmod(0o700)
