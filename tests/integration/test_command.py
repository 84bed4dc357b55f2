"""The `miyabi` command: what it refuses, in one line and with the right exit code, and how fast it answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repos import git, make_repository


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit."""
    return make_repository(tmp_path / "repository")


def miyabi(repository: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs the command in the repository, with a home of its own."""
    home = repository.parent / "home"
    home.mkdir(exist_ok=True)
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", **variables}
    command = [sys.executable, "-m", "flows", *words]
    root = str(Path(__file__).parents[2])
    environment["PYTHONPATH"] = root
    return subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, check=False)


def dag(repository: Path, **fields: object) -> str:
    """A DAG file of one node."""
    file = repository.parent / "tasks.json"
    file.write_text(json.dumps({"nodes": [{"id": "a", **fields}]}), encoding="utf-8")
    return str(file)


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """One line on stderr with these words, exit code 2, no traceback."""
    assert done.returncode == 2, done
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("miyabi: ")
    assert all(word in done.stderr for word in words), done.stderr


def test_help_needs_no_prefect(repository: Path) -> None:
    """--help answers without the imports that cost seconds."""
    code = "import sys, runpy; sys.argv = ['miyabi', '--help']\n"
    code += "try: runpy.run_module('flows', run_name='__main__')\nexcept SystemExit: pass\n"
    code += "print(sorted({m.split('.')[0] for m in sys.modules} & {'prefect', 'asyncssh', 'pydantic', 'rich'}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "orchestrate" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_no_such_file(repository: Path) -> None:
    """A DAG file that is not there is named."""
    refused(miyabi(repository, "orchestrate", "none.json"), "none.json", "no such file")


def test_no_repository(tmp_path: Path, repository: Path) -> None:
    """A folder without a repository is named, with what to do."""
    refused(miyabi(repository, "orchestrate", dag(repository), "-C", str(tmp_path)), "no git repository", "git init")


def test_no_such_base(repository: Path) -> None:
    """A base that does not exist is named, with those that do."""
    refused(miyabi(repository, "orchestrate", dag(repository), "--base", "nope"), "'nope'", "main")


def test_a_label_that_no_machine_has(repository: Path) -> None:
    """A task that could never run is refused before anything starts."""
    refused(miyabi(repository, "orchestrate", dag(repository, requires=["xcode"])), "'a'", "'xcode'")


def test_a_run_that_does_not_exist(repository: Path) -> None:
    """Going on with an unknown run says which runs there are."""
    refused(miyabi(repository, "logs", "nope", "a", "-C", str(repository)), "no .miyabi/runs here")


def test_a_cycle_is_shown_by_schedule(repository: Path) -> None:
    """`schedule` refuses what `orchestrate` would."""
    file = repository.parent / "cycle.json"
    file.write_text(json.dumps({"nodes": [{"id": "a", "dependencies": ["b"]}, {"id": "b", "dependencies": ["a"]}]}))
    refused(miyabi(repository, "schedule", str(file)), "a → b → a")


def test_schedule_shows_the_plan(repository: Path) -> None:
    """Order, level, machine, waits and length are there, and nothing was run."""
    file = Path(__file__).parents[2] / "examples/tasks.json"
    done = miyabi(repository, "schedule", str(file), COLUMNS="200")
    assert done.returncode == 0, done.stderr
    assert all(word in done.stdout for word in ("critical path", "expected", "local", "skeleton"))
    assert git(repository, "branch", "--list", "miyabi/*") == ""
    assert not (repository / ".miyabi").exists()


def test_a_server_that_does_not_answer(repository: Path) -> None:
    """A PREFECT_API_URL without a server behind it is one line, and nothing is left in the repository."""
    done = miyabi(repository, "orchestrate", dag(repository), "--rehearse", PREFECT_API_URL="http://127.0.0.1:9/api")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("miyabi: ")
    assert "127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (repository / ".miyabi").exists()


def test_check_says_what_is_missing(repository: Path) -> None:
    """Each machine gets a line; one without claude says how to get it."""
    done = miyabi(repository, "check", PATH="/usr/bin:/bin")
    assert done.returncode == 1
    assert done.stdout.startswith("FAIL  local: no claude at 'claude'")
    assert miyabi(repository, "check", "--rehearse").returncode == 0
