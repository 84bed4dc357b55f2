from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from tests.support.claude.messages_api import MessagesApi
from tests.support.claude.real import claude_environment, messages_api, run_claude  # noqa: F401 - a fixture


@pytest.fixture
def task_folder(tmp_path: Path) -> Path:
    """A git repository with one commit, named like a task."""
    task_folder = tmp_path / "task-1"
    for words in (
        ["init", "-q", str(task_folder)],
        ["-C", str(task_folder), "config", "user.name", "Test"],
        ["-C", str(task_folder), "config", "user.email", "test@localhost"],
        ["-C", str(task_folder), "commit", "-q", "--allow-empty", "-m", "base"],
    ):
        subprocess.run(["git", *words], check=True)
    return task_folder


def git(task_folder: Path, *words: str) -> str:
    """What git prints."""
    return subprocess.run(["git", "-C", str(task_folder), *words], check=True, capture_output=True, text=True).stdout


def test_write_commits_a_file(messages_api: MessagesApi, task_folder: Path, tmp_path: Path) -> None:
    """The real claude, told to write, commits a file named after its folder and says so."""
    (task_folder / "upstream.txt").write_text("made before\n")
    environment = claude_environment(messages_api.url, home=tmp_path / "home")
    run = run_claude("Do it. [[scenario:write]]", folder=task_folder, environment=environment)
    assert (run.exit_status, run.result["subtype"], run.result["is_error"]) == (0, "success", False)
    assert run.result["terminal_reason"] == "completed"
    assert "upstream.txt" in run.result["result"]
    assert git(task_folder, "log", "-1", "--format=%s").strip() == "task-1: scripted work"
    assert (task_folder / "task-1.txt").read_text() == "task task-1\nfound upstream.txt \n"
    assert [(r.scenario, r.step) for r in messages_api.requests] == [("write", 0), ("write", 1)]
    assert {r.session for r in messages_api.requests} == {run.result["session_id"]}


def test_bad_api_key(messages_api: MessagesApi, task_folder: Path, tmp_path: Path) -> None:
    """A refused key ends the session with exit 1 and status 401 in its result event."""
    environment = claude_environment(messages_api.url, home=tmp_path / "home", retries=0)
    run = run_claude("Do it. [[scenario:error401]]", folder=task_folder, environment=environment)
    assert run.exit_status == 1
    assert run.result["api_error_status"] == 401
    assert run.result["result"] == "Invalid API key · Fix external API key"


def test_usage_limit(messages_api: MessagesApi, task_folder: Path, tmp_path: Path) -> None:
    """A subscription at its limit says until when, in an event and not only in words."""
    environment = claude_environment(messages_api.url, home=tmp_path / "home", oauth=True)
    run = run_claude("Do it. [[scenario:usage_limit]]", folder=task_folder, environment=environment)
    (limit,) = [e["rate_limit_info"] for e in run.events if e["type"] == "rate_limit_event"]
    assert (run.exit_status, run.result["api_error"]) == (1, "usage_limit_reached")
    assert limit["status"] == "rejected"
    assert limit["resetsAt"] == pytest.approx(time.time() + 3600, abs=60)


def test_limit_once_then_resume(messages_api: MessagesApi, task_folder: Path, tmp_path: Path) -> None:
    """A session that met the limit goes on with --resume after the reset and does its work."""
    environment = claude_environment(messages_api.url, home=tmp_path / "home", oauth=True)
    first = run_claude("Do it. [[scenario:limit_once:2]]", folder=task_folder, environment=environment)
    assert first.result["api_error"] == "usage_limit_reached"
    (limit,) = [e["rate_limit_info"] for e in first.events if e["type"] == "rate_limit_event"]
    time.sleep(max(0.0, limit["resetsAt"] + 1 - time.time()))
    options = ["--resume", first.result["session_id"]]
    second = run_claude("Go on.", folder=task_folder, environment=environment, options=options)
    assert (second.exit_status, second.result["is_error"]) == (0, False)
    assert (task_folder / "task-1.txt").exists()
