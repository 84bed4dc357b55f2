from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from miyabi.errors import BadInput
from miyabi.integration import Integration, NotIntegrated
from miyabi.machines import Machine
from miyabi.notify import Notified
from miyabi.pull_requests import Publication, require_readable
from miyabi.runs import AttemptRecord, HandOver, Kept, MilestoneRun, RunFolder, RunInfo, new_run_name, valid_run_name
from miyabi.runs.info import FleetMember
from miyabi.sessions import EarlierWork, Outcome
from tests.support.values.damage import damage_file
from tests.support.values.results import RUN, STARTED, result

NOW = datetime(2026, 11, 22, 11, 35, 1, tzinfo=UTC)
RECORD = AttemptRecord(machine="mini1", start=NOW, base="abc")


def info(run: str = RUN) -> RunInfo:
    """What a run was started with."""
    machine = Machine(name="mac", slots=3, environment={"KEY": "secret-value"})
    return RunInfo(run=run, repository="/r", base="a" * 40, started=STARTED, machines=(FleetMember.of(machine),))


def read_all(folder: RunFolder) -> None:
    """All that a run that is gone on with reads of its folder before it starts anything."""
    folder.info()
    require_readable(folder)


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


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("run.json", "without the file it cannot go on: put a copy back, or begin another run. "),
        ("sessions/a/attempt-1/result.json", "that attempt counts as not over then, and its cost is forgotten."),
        ("sessions/b/attempt-1/attempt.json", "Remove the file to begin it anew: its work may be lost."),
        ("integration.json", "Remove the file: the branches are merged again when the run goes on."),
        ("not_integrated.json", "Remove the file: the branches are merged again when the run goes on."),
        ("milestone.json", "the run counts for no milestone then."),
        ("hand_over.json", "tasks that are still to be started know nothing of earlier runs then."),
        ("home.json", "what is open at GitHub is found there when the run's pull request is opened again."),
    ],
)
@pytest.mark.parametrize("damage", ["no JSON", "a folder"])
def test_what_a_damaged_file_costs(tmp_path: Path, name: str, sentence: str, damage: str) -> None:
    """Before anything starts each file that cannot be read is named, with what it costs to do without it."""
    folder = RunFolder(tmp_path, RUN).create()
    folder.write_info(info())
    folder.write_result(result("a"))
    RECORD.keep(folder.attempt("b"))
    require_readable(folder)
    damage_file(folder.path / name, is_folder=damage == "a folder")
    with pytest.raises(BadInput) as refused:
        read_all(folder)
    assert str(refused.value).startswith(f"{folder.path / name}: ")
    assert sentence in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
    assert ("cannot be read: Is a directory" in str(refused.value)) == (damage == "a folder")


@pytest.mark.parametrize("name", ["status.json", "report.md", "report.json"])
def test_what_is_written_anew(tmp_path: Path, name: str) -> None:
    """Of what the run writes anew a damaged file is in nobody's way; a folder is, and that is said at the start."""
    folder = RunFolder(tmp_path, RUN).create()
    damage_file(folder.path / name)
    require_readable(folder)
    damage_file(folder.path / name, is_folder=True)
    with pytest.raises(BadInput, match=rf"{name}: is a folder, and has to be a file\. Remove it"):
        require_readable(folder)


def test_a_record_that_nobody_needs_any_more(tmp_path: Path) -> None:
    """Where the work of an attempt is here, it does not matter that its record is damaged."""
    folder = RunFolder(tmp_path, RUN).create()
    folder.write_result(result("a"))
    damage_file(folder.attempt("a") / "attempt.json")
    require_readable(folder)


@pytest.mark.parametrize("name", ["sessions", "status.json", "integration.json", "report.md"])
def test_a_run_whose_run_json_is_gone(tmp_path: Path, name: str) -> None:
    """It is neither unknown nor new: the missing file is named, and what can be done."""
    folder = RunFolder(tmp_path, RUN).create()
    for before in (
        "lock",
        "dag.json",
        "milestone.json",
        "hand_over.json",
        ".DS_Store",
    ):  # whoever wrote no more has started nothing
        (folder.path / before).touch()
        assert not folder.lacks_info
    (folder.path / name).mkdir()
    assert folder.lacks_info
    with pytest.raises(BadInput) as refused:
        RunFolder.find(tmp_path, RUN)
    assert str(refused.value) == (
        f"{folder.info_file}: no such file, but the folder holds more of a run: without it run {RUN} can neither go on "
        f"nor begin anew. Put it back, or choose another run name. To give the run up: miyabi sweep {RUN} --yes, then "
        f"remove its folder."
    )
    folder.write_info(info())
    assert not folder.lacks_info


def test_what_is_no_attempt(tmp_path: Path) -> None:
    """A folder beside the attempts that is none is passed over."""
    folder = RunFolder(tmp_path, RUN).create()
    for name in ("attempt-1", "attempt-12", "attempt-x", "attempt-", "attempt-²"):
        (folder.path / "sessions/a" / name).mkdir(parents=True)
    assert sorted(folder.attempts("a")) == [1, 12]


def test_runs_are_listed_by_name(tmp_path: Path) -> None:
    """All runs are found, rehearsals among them, by name; other folders are not runs."""
    names = ["20261122-100000-aaa", "rehearsal-20261122-110000-bbb", "20261122-120000-ccc"]
    for name in reversed(names):
        RunFolder(tmp_path, name).create().write_info(info(name))
    RunFolder(tmp_path, "empty").create()
    assert [f.run for f in RunFolder.all(tmp_path)] == names
    assert RunFolder.all(tmp_path / "elsewhere") == ()


def test_runs_by_start(tmp_path: Path) -> None:
    """The latest start is the last, whatever the runs are called, also where they are named to a user."""
    for days, name in enumerate(["zebra", "apple", "rehearsal-b", "mango", "kiwi", "fig"]):
        started = STARTED + timedelta(days=days)
        RunFolder(tmp_path, name).create().write_info(info(name).model_copy(update={"started": started}))
    RunFolder(tmp_path, "zz").create().info_file.write_text("{")
    names = ["zz", "zebra", "apple", "rehearsal-b", "mango", "kiwi", "fig"]
    assert [f.run for f in RunFolder.by_start(tmp_path)] == names
    with pytest.raises(BadInput, match=r"The latest runs: apple, rehearsal-b, mango, kiwi, fig\."):
        RunFolder.find(tmp_path, "other")


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
        (HandOver(works={"a": EarlierWork(run="r1", outcome=Outcome.TIMED_OUT)}), "hand_over.json"),
        (Publication(repository="acme/app"), "home.json"),
        (Notified(causes=("end",)), "notified.json"),
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
