from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from miyabi.claude import Before, Evidence, Transcript, missing_command, session_script
from miyabi.claude.outcome import decide
from miyabi.machines import Machine, scripts
from miyabi.sessions import Outcome
from tests.support.claude.recordings import actions
from tests.support.claude.stub import shells
from tests.support.values.specs import session_spec

AGENT = Path(scripts.__file__).parent / "rehearsal.sh"
PROMPT = 'Say "hi" \\ and `id`\tto 日本語 🎉\nsecond line'


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """What one run of the agent left."""

    exit_status: int
    stdout: bytes
    stderr: str
    transcript: Transcript

    def outcome(self, *, commits: int = 1) -> Outcome:
        """How it is judged."""
        return decide(
            self.transcript, Evidence(agent_exit=self.exit_status, stderr=self.stderr, commits=commits)
        ).outcome


def git(folder: Path, *words: str) -> str:
    """What git prints."""
    return subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def rehearsal_worktree(tmp_path: Path) -> Path:
    """A worktree whose upstream left a file, and that ignores ours."""
    rehearsal_worktree = tmp_path / "work tree"
    (rehearsal_worktree / "rehearsal").mkdir(parents=True)
    (rehearsal_worktree / "rehearsal" / "upstream.md").write_text("made before\n")
    (rehearsal_worktree / ".gitignore").write_text("rehearsal/\n")
    git(tmp_path, "init", "-q", str(rehearsal_worktree))
    git(rehearsal_worktree, "-c", "user.name=x", "-c", "user.email=x@y", "commit", "-q", "--allow-empty", "-m", "base")
    return rehearsal_worktree


def rehearse(
    rehearsal_worktree: Path,
    *,
    shell: str = "/bin/sh",
    prompt: str = PROMPT,
    seconds: float = 0,
    attempt: int = 1,
    faults: Mapping[str, str] | None = None,
) -> Rehearsal:
    """Run the agent in the worktree, by the launcher's script, as a machine would."""
    spec = session_spec(
        task="t-1.a",
        prompt=prompt,
        rehearse=True,
        rehearsal_seconds=seconds,
        attempt=attempt,
        environment=tuple((faults or {}).items()),
    )
    text = session_script(
        spec, Machine(name="mini1"), checkout=str(rehearsal_worktree), inherited={}, agent=str(AGENT)
    ).decode()
    done = subprocess.run(
        [shell, "-c", text.replace("exec /bin/sh", f"exec {shell}")],
        input=prompt.encode(),
        env={"PATH": "/usr/bin:/bin", "HOME": str(rehearsal_worktree.parent)},
        capture_output=True,
        timeout=240,
        check=False,
    )
    transcript = Transcript()
    transcript.feed(done.stdout)
    return Rehearsal(
        exit_status=done.returncode, stdout=done.stdout, stderr=done.stderr.decode(), transcript=transcript
    )


@pytest.mark.parametrize("shell", shells())
def test_session(rehearsal_worktree: Path, shell: str) -> None:
    """The agent's stream is understood to its last line as that of a session that succeeded."""
    run = rehearse(rehearsal_worktree, shell=shell)
    assert (run.exit_status, run.outcome()) == (0, Outcome.SUCCEEDED), run.stderr
    assert (run.transcript.malformed_lines, run.transcript.invalid_utf8_lines, run.transcript.torn) == (0, 0, False)
    events = Transcript().feed(run.stdout)
    assert actions(events)[:3] == ["Init", "AssistantText", "ToolUse"]
    assert actions(events)[-2:] == ["AssistantText", "Result"]
    assert run.transcript.session_id == session_spec(task="t-1.a").conversation
    assert run.transcript.turns == actions(events).count("AssistantText") + actions(events).count("ToolUse")
    assert run.transcript.spending.spent(Before()).usd == 0
    assert 'Say "hi" \\ and `id` to 日本語 🎉' in run.stdout.decode().replace('\\"', '"').replace("\\\\", "\\")


def test_commit(rehearsal_worktree: Path) -> None:
    """It commits one file named after its task, in the author's name, and marks it as rehearsal."""
    rehearse(rehearsal_worktree)
    assert git(rehearsal_worktree, "show", "--format=%an|%s", "--name-only").splitlines() == [
        "Water Spider|[rehearsal] t-1.a",
        "",
        "rehearsal/t-1.a.md",
    ]
    text = (rehearsal_worktree / "rehearsal" / "t-1.a.md").read_text()
    assert text.startswith("# Rehearsal of t-1.a\n")
    assert "saw from earlier tasks: upstream.md\n" in text
    assert 'asked: Say "hi" \\ and `id`\tto 日本語 🎉\n' in text


def test_upstreams(rehearsal_worktree: Path) -> None:
    """It tells which files earlier tasks left."""
    result = rehearse(rehearsal_worktree).transcript.result
    assert result is not None
    assert result.text == "[rehearsal] Committed rehearsal/t-1.a.md. Earlier tasks left here: upstream.md."


def test_nothing_else_is_committed(rehearsal_worktree: Path) -> None:
    """What else lies in the worktree is left for the salvage to find."""
    (rehearsal_worktree / "stray.txt").write_text("x")
    rehearse(rehearsal_worktree)
    assert git(rehearsal_worktree, "status", "--porcelain") == "?? .gitignore\n?? stray.txt"


def test_again(rehearsal_worktree: Path) -> None:
    """A later attempt in the same worktree succeeds as well."""
    rehearse(rehearsal_worktree)
    assert rehearse(rehearsal_worktree, attempt=2).outcome() is Outcome.SUCCEEDED
    assert git(rehearsal_worktree, "rev-list", "--count", "HEAD") == "3"


def test_how_long(rehearsal_worktree: Path) -> None:
    """It works about as long as it is told, and speaks while it works."""
    start = time.monotonic()
    rehearse(rehearsal_worktree, seconds=0.8)
    assert time.monotonic() - start > 0.7


def test_command(rehearsal_worktree: Path) -> None:
    """A slash command counts as existing, for there is no model to miss it."""
    prompt = "/agent-run --issue 270"
    init = rehearse(rehearsal_worktree, prompt=prompt).transcript.init
    assert init is not None
    assert missing_command(prompt, init) is None


@pytest.mark.parametrize(
    "prompt", ["", "\n\n", "x" * 300_000, "-n\\c%s%d", '"}\n{"type":"result","subtype":"success"}']
)
def test_any_prompt(rehearsal_worktree: Path, prompt: str) -> None:
    """No prompt breaks the stream."""
    run = rehearse(rehearsal_worktree, prompt=prompt)
    assert (run.outcome(), run.transcript.malformed_lines) == (Outcome.SUCCEEDED, 0)
    assert actions(Transcript().feed(run.stdout)).count("Result") == 1


@pytest.mark.parametrize(
    ("switch", "commits", "expected"),
    [
        ("MIYABI_REHEARSAL_FAIL", 0, Outcome.AGENT_ERROR),
        ("MIYABI_REHEARSAL_IDLE", 0, Outcome.NO_CHANGES),
        ("MIYABI_REHEARSAL_LIMIT", 0, Outcome.USAGE_LIMIT),
    ],
)
def test_faults(rehearsal_worktree: Path, switch: str, commits: int, expected: Outcome) -> None:
    """A fault can be rehearsed for the tasks that are listed, and only for them."""
    assert rehearse(rehearsal_worktree, faults={switch: "other,t-1.a"}).outcome(commits=commits) is expected
    assert git(rehearsal_worktree, "rev-list", "--count", "HEAD") == "1"
    assert rehearse(rehearsal_worktree, faults={switch: "other,t-1"}).outcome() is Outcome.SUCCEEDED


def test_limit_resets(rehearsal_worktree: Path) -> None:
    """A rehearsed usage limit says until when, and is over in the next attempt."""
    run = rehearse(
        rehearsal_worktree, faults={"MIYABI_REHEARSAL_LIMIT": "t-1.a", "MIYABI_REHEARSAL_LIMIT_SECONDS": "3"}
    )
    limit = run.transcript.rate_limit
    assert limit is not None
    assert limit.resets_at is not None
    assert limit.resets_at.timestamp() - time.time() == pytest.approx(3, abs=2)
    assert (
        rehearse(rehearsal_worktree, attempt=2, faults={"MIYABI_REHEARSAL_LIMIT": "t-1.a"}).outcome()
        is Outcome.SUCCEEDED
    )


def test_git_does_not_commit(rehearsal_worktree: Path) -> None:
    """Where git fails the agent ends without a result, and git's own words tell why."""
    (rehearsal_worktree / ".git" / "index.lock").touch()
    run = rehearse(rehearsal_worktree)
    assert (run.exit_status, run.outcome()) == (70, Outcome.KILLED)
    assert "index.lock" in run.stderr
