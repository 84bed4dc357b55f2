"""The `miyabi` command where the terminal is not UTF-8: everything is shown, with escapes for what it does not have."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from flows.cli.demo import TWO_MACHINES
from tests.integration.flows.cli.test_runs import MIYABI, RUNS
from tests.support.cli.terminal import Terminal
from tests.support.git.repositories import make_repository
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures

TITLE = "日本語のメッセージ 🎉 é"
NODES = [{"id": "a", "title": TITLE, "estimated_duration": 1}, {"id": "bad", "title": "b…", "estimated_duration": 1}]
ENCODINGS = {
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "latin": {"PYTHONIOENCODING": "iso8859-1"},
    "c": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}


@pytest.fixture
def odd_repository(tmp_path: Path) -> Path:
    """A repository with a DAG whose texts no terminal of 1985 can show."""
    root = tmp_path / "repository"
    make_repository(root)
    (root / ".miyabi").mkdir()
    (tmp_path / "home").mkdir()
    (root / ".miyabi/config.toml").write_text(TWO_MACHINES.format(folder=tmp_path) + RUNS, encoding="utf-8")
    (tmp_path / "tasks.json").write_text(json.dumps({"nodes": NODES}, ensure_ascii=False), encoding="utf-8")
    return root


def environment(odd_repository: Path, encoding: str, **more: str) -> dict[str, str]:
    """All that the command gets."""
    home = {"HOME": str(odd_repository.parent / "home"), "PATH": os.environ["PATH"], "LANG": "C"}
    return home | ENCODINGS[encoding] | more


def miyabi(odd_repository: Path, encoding: str, *words: str | Path, **more: str) -> subprocess.CompletedProcess[bytes]:
    """The command's end. It wrote nothing but that encoding, and no traceback."""
    line = [str(word) for word in (MIYABI, *words)]
    given = environment(odd_repository, encoding, **more)
    done = subprocess.run(line, cwd=odd_repository, env=given, capture_output=True, check=False, timeout=240)
    assert b"Traceback" not in done.stderr, done
    if encoding != "latin":
        assert done.stdout.isascii(), done
        assert done.stderr.isascii(), done
    return done


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_commands_before_a_run(odd_repository: Path, encoding: str) -> None:
    """Help, plan, machines, sessions and errors are all shown."""
    done = miyabi(odd_repository, encoding, "schedule", "../tasks.json")
    assert done.returncode == 0
    assert rb"\u65e5\u672c\u8a9e" in done.stdout
    assert (b"\xe9" if encoding == "latin" else rb"\xe9") in done.stdout
    assert miyabi(odd_repository, encoding, "--help").returncode == 0
    assert miyabi(odd_repository, encoding, "check", "--rehearse").returncode == 0
    assert miyabi(odd_repository, encoding, "sessions").returncode == 0
    (odd_repository.parent / "wrong.json").write_text('{"nodes": [{"id": "a", "日本": 1}]}', encoding="utf-8")
    done = miyabi(odd_repository, encoding, "schedule", "../wrong.json")
    assert done.returncode == 2
    assert rb"\u65e5\u672c" in done.stderr
    assert miyabi(odd_repository, encoding, "sweep", "nothing").returncode == 2


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_run_and_what_follows_it(odd_repository: Path, prefect_server: RealServer, encoding: str) -> None:
    """A whole run, its logs, its summary and its end."""
    more = {"PREFECT_API_URL": prefect_server.url}
    words = ("orchestrate", "../tasks.json", "--rehearse", "--run", f"run-{encoding}")
    done = miyabi(odd_repository, encoding, *words, **more)
    assert done.returncode == 1, done
    assert b"1 of 2 tasks succeeded" in done.stdout
    logs = miyabi(odd_repository, encoding, "logs", f"run-{encoding}", "a", **more)
    assert logs.returncode == 0
    assert b"Rehearsal of a: " in logs.stdout
    assert rb"\u65e5\u672c\u8a9e" in logs.stdout
    assert miyabi(odd_repository, encoding, "sweep", f"run-{encoding}", "--branches", "--yes").returncode == 0


def test_the_live_table(odd_repository: Path, prefect_server: RealServer) -> None:
    """The table of a run on such a terminal keeps to its width and moves where it should."""
    given = environment(odd_repository, "ascii", PREFECT_API_URL=prefect_server.url)
    words = [MIYABI, "orchestrate", "../tasks.json", "--rehearse", "--run", "live"]
    terminal = Terminal(words, columns=80, environment=given, folder=odd_repository)
    try:
        assert terminal.wait() == 1
        lines = terminal.screen.splitlines()
    finally:
        terminal.close()
    first = next(number for number, line in enumerate(lines) if line.split()[:2] == ["task", "machine"])
    title, headings, rows = lines[0], lines[first], lines[first + 1 :]
    assert title.startswith("rehearsal live: 2 of 2 tasks done")
    assert {row.split()[0] for row in rows[:2]} == {"a", "bad"}
    assert all(len(line) <= 80 and line.isascii() for line in (title, headings, *rows[:2]))
    assert "Traceback" not in terminal.output
