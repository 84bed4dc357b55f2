from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from miyabi.errors import BadInput
from miyabi.integration import Integration, NotIntegrated
from miyabi.machines import Machine
from miyabi.pull_requests import Publication
from miyabi.runs import Kept, MilestoneRun, RunFolder, RunInfo, new_run_name, valid_run_name
from miyabi.runs.info import FleetMember
from miyabi.sessions import Outcome
from tests.support.values.results import RUN, STARTED, result

NOW = datetime(2026, 11, 22, 11, 35, 1, tzinfo=UTC)


def info(run: str = RUN) -> RunInfo:
    """What a run was started with."""
    machine = Machine(name="mac", slots=3, environment={"KEY": "secret-value"})
    return RunInfo(run=run, repository="/r", base="a" * 40, started=STARTED, machines=(FleetMember.of(machine),))


def test_names_are_unique_and_usable() -> None:
    """A new name tells the time, says when it is a rehearsal, is valid, and rarely comes twice."""
    assert new_run_name(NOW).startswith("20261122-113501-")
    assert new_run_name(NOW, rehearse=True).startswith("rehearsal-20261122-113501-")
    names = {valid_run_name(new_run_name(NOW)) for _ in range(50)}
    assert len(names) > 45


@pytest.mark.parametrize("name", ["", "../x", "a b", "a.lock", "-x", "日本", "a/b", "x" * 65, "a\n"])
def test_unusable_names(name: str) -> None:
    """What cannot be part of a branch and a file name is refused with an example."""
    with pytest.raises(BadInput, match="nightly-1"):
        valid_run_name(name)


def test_git_takes_every_new_name() -> None:
    """A branch of a new run's name is one that git itself accepts."""
    name = f"refs/heads/miyabi/{new_run_name(NOW, rehearse=True)}/task"
    assert subprocess.run(["git", "check-ref-format", name], check=False).returncode == 0


def test_create(tmp_path: Path) -> None:
    """The folder is made with all above it, is ignored by git, and making it twice is no error."""
    folder = RunFolder(tmp_path, RUN).create().create()
    assert folder.path == tmp_path / ".miyabi" / "runs" / RUN
    assert (tmp_path / ".miyabi" / "runs" / ".gitignore").read_text() == "*\n"


def test_a_place_where_nothing_can_be_made(tmp_path: Path) -> None:
    """Where the folder cannot be made, one line says where and why."""
    (tmp_path / ".miyabi").write_text("a file")
    with pytest.raises(BadInput, match=r"cannot be made: Not a directory"):
        RunFolder(tmp_path, RUN).create()


def test_info_is_read_back_without_secrets(tmp_path: Path) -> None:
    """What the run was started with is read back equal, and the machines' environment is not in it."""
    folder = RunFolder(tmp_path, RUN).create()
    folder.write_info(info())
    assert folder.info() == info()
    assert "secret-value" not in folder.info_file.read_text()


def test_results_by_task_and_attempt(tmp_path: Path) -> None:
    """Every attempt's result is kept, and the last one of each task is the tenth, not the ninth."""
    folder = RunFolder(tmp_path, RUN).create()
    for attempt in range(1, 11):
        folder.write_result(result("a", Outcome.KILLED, attempt=attempt))
    folder.write_result(result("b"))
    assert [(r.task, r.attempt) for r in folder.results()] == [*(("a", n) for n in range(1, 11)), ("b", 1)]
    assert {task: r.attempt for task, r in folder.latest_results().items()} == {"a": 10, "b": 1}
    assert folder.attempt("a", 10) == folder.path / "sessions" / "a" / "attempt-10"


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    """A result or run file that was damaged gives one line with its path."""
    folder = RunFolder(tmp_path, RUN).create()
    with pytest.raises(BadInput, match=r"run\.json: no such file"):
        folder.info()
    folder.write_result(result("a"))
    (folder.attempt("a") / "result.json").write_text('{"run": 1}')
    with pytest.raises(BadInput, match=r"attempt-1/result\.json: run: "):
        folder.results()


def test_runs_are_listed_by_time(tmp_path: Path) -> None:
    """All runs are found, rehearsals among them, the latest last; other folders are not runs."""
    names = ["20261122-100000-aaa", "rehearsal-20261122-110000-bbb", "20261122-120000-ccc"]
    for name in reversed(names):
        RunFolder(tmp_path, name).create().write_info(info(name))
    RunFolder(tmp_path, "empty").create()
    assert [f.run for f in RunFolder.all(tmp_path)] == names
    assert RunFolder.all(tmp_path / "elsewhere") == ()


def test_find(tmp_path: Path) -> None:
    """A run that is not there is refused with the names of those that are."""
    RunFolder(tmp_path, RUN).create().write_info(info())
    assert RunFolder.find(tmp_path, RUN).info().run == RUN
    with pytest.raises(BadInput, match=f"other: not found below .* latest runs: {RUN}"):
        RunFolder.find(tmp_path, "other")


def test_one_orchestrator_a_run(tmp_path: Path) -> None:
    """While one holds the run another is refused with the first's process id; afterwards it is free."""
    folder = RunFolder(tmp_path, RUN).create()
    with folder.lock():
        with pytest.raises(BadInput, match=f"is being worked on by pid {os.getpid()}"), folder.lock():
            pass
        with RunFolder(tmp_path, "another").create().lock():
            pass
    with folder.lock():
        pass


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (Integration(branch="b", base="a" * 40, head="a" * 40), "integration.json"),
        (NotIntegrated(reason="The disk is full."), "not_integrated.json"),
        (MilestoneRun(repository="acme/app", number=3, title="v1.2"), "milestone.json"),
        (Publication(repository="acme/app"), "home.json"),
    ],
    ids=lambda given: type(given).__name__ if isinstance(given, Kept) else "",
)
def test_what_is_kept_has_the_name_that_earlier_builds_gave_it(tmp_path: Path, value: Kept, name: str) -> None:
    """Each kind has one file, which holds the value and nothing else, and is gone when it is discarded."""
    folder = RunFolder(tmp_path, RUN).create()
    folder.keep(value)
    assert [file.name for file in folder.path.iterdir()] == [name]
    assert folder.load(type(value)) == value
    assert "file_name" not in (folder.path / name).read_text()
    folder.discard(type(value))
    assert folder.load(type(value)) is None


def test_a_killed_orchestrator_leaves_no_lock(tmp_path: Path) -> None:
    """The lock of a process that was killed is free at once, although its file is still there."""
    folder = RunFolder(tmp_path, RUN).create()
    program = (
        "import sys, time; from pathlib import Path; from miyabi.runs.folder import RunFolder\n"
        f"with RunFolder(Path({str(tmp_path)!r}), {RUN!r}).lock():\n  print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(BadInput, match=f"pid {process.pid}"), folder.lock():
            pass
        process.kill()
    with folder.lock():
        pass
