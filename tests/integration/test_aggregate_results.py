"""The flow that makes one branch and a report of a run, on a real Prefect server."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas.objects import State

from flows.aggregate_results import aggregate_results
from miyabi.home_settings import PullRequestMode
from miyabi.homecoming import pack
from miyabi.integration_values import Integration, NotIntegrated
from miyabi.report import Report
from miyabi.run_folder import RunFolder
from miyabi.session import Outcome, integration_branch
from tests.support.in_flow import task_runs
from tests.support.machine_watch import eventually
from tests.support.played_runs import PlayedRun, played  # noqa: F401
from tests.support.prefect_api import ask
from tests.support.prefect_server import RealServer, prefect_database, prefect_server  # noqa: F401
from tests.support.repos import commit, git, project, quiet_home, snapshot  # noqa: F401
from tests.support.results import RUN

BRANCH = integration_branch(RUN)
VERIFY = "if [ -e broken.txt ]; then echo 'FAILED broken.txt is there'; exit 3; fi; echo all is well"


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where checkouts to verify in are made: empty again afterwards."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


def configure(played: PlayedRun, *, verify: str | None = VERIFY, **settings: Any) -> None:
    """The repository's configuration."""
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    lines += [f"verify = {json.dumps([verify])}"] if verify else []
    (played.root / ".miyabi").mkdir(exist_ok=True)
    (played.root / ".miyabi" / "config.toml").write_text("\n".join(["[integration]", *lines, ""]))


def aggregate(played: PlayedRun, *, run: str = RUN) -> State[Any]:
    """How the flow ends."""
    state: State[Any] = aggregate_results(repository=played.root, run=run, return_state=True)  # type: ignore[assignment] # Prefect's overload
    return state


def flow_run_of(state: State[Any]) -> UUID:
    """The flow run that ended in it."""
    assert state.state_details.flow_run_id
    return state.state_details.flow_run_id


def logs(server: RealServer, flow_run: UUID, *, until: str) -> str:
    """All that the UI shows of the flow run, once the line that matters is there."""
    wanted = {"logs": {"flow_run_id": {"any_": [str(flow_run)]}}, "limit": 200, "sort": "TIMESTAMP_ASC"}
    lines: list[str] = []

    def told() -> bool:
        lines[:] = [log["message"] for log in ask(f"{server.url}/logs/filter", wanted)]
        return any(until in line for line in lines)

    eventually(told, why=lambda: "\n".join(lines))
    return "\n".join(lines)


def report(folder: RunFolder) -> str:
    """What report.md says."""
    return folder.report_file.read_text(encoding="utf-8")


def values(folder: RunFolder) -> Report:
    """What report.json says."""
    return Report.model_validate_json(folder.report_values_file.read_bytes())


async def test_what_fits_is_merged_and_the_rest_is_named(prefect_server: RealServer, played: PlayedRun) -> None:
    """Verified as task runs, culprits left out; branch, report, artifact, logs and state tell the same."""
    for task in "abc":
        await played.task(task, {f"{task}.txt": "x"})
    await played.task("breaks", {"broken.txt": "x"})
    await played.task("on-it", {"more.txt": "x"}, after=["breaks"])
    await played.task("one", {"src/a.txt": "one\n2\n3\n"})
    await played.task("two", {"src/a.txt": "two\n2\n3\n"})
    configure(played)
    folder, before = played.keep(), snapshot(played.root)

    state = aggregate(played)

    kept = folder.find_kept(Integration)
    assert kept
    assert (kept.tasks, kept.verified) == (("a", "b", "c", "one"), True)
    assert [out.task for out in kept.left_out] == ["breaks", "on-it", "two"]
    assert git(played.root, "rev-parse", BRANCH) == kept.head
    assert snapshot(played.root) == before
    assert state.is_failed()
    assert f"{BRANCH} holds 4 of 7 tasks. Left out: breaks: `{VERIFY}` fails from its merge on" in (state.message or "")
    text = report(folder)
    assert "| `breaks` | check |" in text
    assert "| `two` | conflict | it does not merge with one: both changed src/a.txt | `src/a.txt` |" in text
    flow_run = flow_run_of(state)
    told = logs(prefect_server, flow_run, until="report: ")
    assert "FAILED broken.txt is there" in told
    assert "all is well" in told
    names = {run.name for run in task_runs(str(flow_run), count=6)}
    assert {f"verify {what}: {VERIFY}"[:40] for what in ("all 6 merges", "the base", "all 4 merges")} < {
        name[:40] for name in names
    }
    artifacts = {"artifacts": {"flow_run_id": {"any_": [str(flow_run)]}}}
    (artifact,) = ask(f"{prefect_server.url}/artifacts/filter", artifacts)
    assert artifact["data"] == text


async def test_twenty_branches(prefect_server: RealServer, played: PlayedRun) -> None:
    """Of 20 branches 3 conflict and 1 breaks the checks: 16 are merged, report and pull request name the 4 and why."""
    for number in range(20):
        files: dict[str, str | None] = {f"part{number}.txt": "x\n"}
        files |= {"src/a.txt": f"{number}\n2\n3\n"} if number in {2, 7, 12, 17} else {}
        files |= {"broken.txt": "x\n"} if number == 9 else {}
        await played.task(f"t{number:02}", files)
    configure(played)
    folder = played.keep()

    state = aggregate(played)

    assert f"{BRANCH} holds 16 of 20 tasks." in (state.message or "")
    kept = folder.find_kept(Integration)
    assert kept
    merged = git(
        played.root, "log", "--first-parent", "--format=%(trailers:key=Miyabi-Task,valueonly,separator=)", BRANCH
    )
    assert sorted(filter(None, merged.splitlines())) == [f"t{n:02}" for n in range(20) if n not in {7, 9, 12, 17}]
    issues = {f"t{number:02}": 100 + number for number in range(20)}
    luggage = pack(values(folder), kept, issues=issues, mode=PullRequestMode.ONE)
    (pull_request,) = luggage.texts
    assert luggage.branches == {pull_request.branch: kept.head}
    assert pull_request.title == f"Run {RUN}: 16 of 20 tasks"
    assert set(pull_request.closes) == {100 + n for n in range(20) if n not in {7, 9, 12, 17}}
    for text in (report(folder), pull_request.body):
        for task in ("t07", "t12", "t17"):
            (line,) = [line for line in text.splitlines() if f"`{task}`" in line and "conflict" in line]
            assert "it does not merge with t02: both changed src/a.txt" in line
        (line,) = [line for line in text.splitlines() if "`t09`" in line and "check" in line]
        assert "fails from its merge on (exit status 3): FAILED broken.txt is there" in line


async def test_all_is_well_and_again(prefect_server: RealServer, played: PlayedRun) -> None:
    """A run whose work is all on a verified branch completes; again it is the same branch and the same report."""
    await played.task("a", {"a.txt": "x"})
    await played.task("b", {"b.txt": "x"}, after=["a"])
    configure(played)
    folder = played.keep()
    first = aggregate(played)
    assert first.is_completed(), first.message
    assert (first.message or "").endswith(f"{BRANCH} holds 2 of 2 tasks. The verify commands pass.")
    files = ("integration.json", "report.md", "report.json")
    before = {name: (folder.path / name).read_bytes() for name in files}
    assert aggregate(played).message == first.message
    assert {name: (folder.path / name).read_bytes() for name in files} == before


async def test_a_base_that_fails_is_no_success(prefect_server: RealServer, played: PlayedRun) -> None:
    """All tasks succeeded and are merged, but what comes of it does not pass: the flow fails, and says why."""
    await played.task("a", {"a.txt": "x"})
    configure(played, verify="echo out of order; exit 4")
    folder = played.keep()
    state = aggregate(played)
    assert state.is_failed()
    assert (state.message or "").endswith("holds 1 of 1 task. The verify commands do not pass.")
    assert "The base fails by itself" in report(folder)


async def test_a_task_that_failed_is_no_success(prefect_server: RealServer, played: PlayedRun) -> None:
    """Where a task did not succeed the flow fails, though the rest is merged and verified."""
    await played.task("a", {"a.txt": "x"})
    await played.task("b", outcome=Outcome.TIMED_OUT, error_text="after 30 minutes")
    configure(played)
    played.keep()
    assert aggregate(played).is_failed()
    assert git(played.root, "rev-parse", BRANCH)


async def test_a_branch_that_is_checked_out(prefect_server: RealServer, played: PlayedRun, tmp_path: Path) -> None:
    """It is left alone in one line, and the report is made all the same; once it is free, all is as it should be."""
    await played.task("a", {"a.txt": "x"})
    played.keep()
    assert aggregate(played).is_completed()
    git(played.root, "worktree", "add", "-q", str(tmp_path / "look"), BRANCH)
    await played.task("b", {"b.txt": "x"})
    folder = played.keep()

    state = aggregate(played)
    why = f"{BRANCH} is checked out in {tmp_path}/look and is left alone. Go to another branch there (git switch)"
    assert state.is_failed()
    assert f"Not integrated: {why}" in (state.message or "")
    assert "2 of 2 tasks succeeded" in report(folder)
    assert "**Not integrated:** " in report(folder)
    assert folder.find_kept(Integration) is None
    told = logs(prefect_server, flow_run_of(state), until="report: ")
    assert f"not integrated: {why}" in told
    assert "Traceback" not in told

    git(tmp_path / "look", "switch", "-q", "--detach")
    assert aggregate(played).is_completed()
    assert folder.find_kept(NotIntegrated) is None
    assert "Not integrated" not in report(folder)


async def test_a_base_that_is_gone(prefect_server: RealServer, played: PlayedRun) -> None:
    """Where the run's base is not in the repository any more, nothing is merged, and the report says so."""
    await played.task("a", {"a.txt": "x"})
    folder = played.keep()
    folder.write_info(folder.info().model_copy(update={"base": "f" * 40}))
    state = aggregate(played)
    assert "has no branch, tag or commit 'ffff" in (state.message or "")
    assert "1 of 1 task succeeded" in report(folder)


@pytest.mark.parametrize("damaged", ["run.json", "dag.json", "sessions/a/attempt-1/result.json"])
async def test_a_damaged_run_folder(prefect_server: RealServer, played: PlayedRun, damaged: str) -> None:
    """The file that is damaged is named, and nothing is made of the rest."""
    await played.task("a", {"a.txt": "x"})
    folder = played.keep()
    (folder.path / damaged).write_text("{")
    state = aggregate(played)
    assert (state.is_failed(), state.name) == (True, "BadInput")
    assert str(folder.path / damaged) in (state.message or "")
    assert "\n" not in (state.message or "")
    assert await played.repository.branches(BRANCH) == {}


@pytest.mark.parametrize("file", ["integration.json", "report.md"])
async def test_a_folder_that_cannot_be_written(prefect_server: RealServer, played: PlayedRun, file: str) -> None:
    """What cannot be kept is told in one line, with the file."""
    await played.task("a", {"a.txt": "x"})
    folder = played.keep()
    (folder.path / file / "in the way").mkdir(parents=True)
    state = aggregate(played)
    assert state.is_failed()
    assert (state.message or "").startswith(f"run {RUN}: its folder cannot be written: ")
    assert str(folder.path / file) in (state.message or "")


async def test_a_run_that_does_not_exist(prefect_server: RealServer, played: PlayedRun) -> None:
    """It is told which runs there are; a name that none can have is told too."""
    await played.task("a", {"a.txt": "x"})
    played.keep()
    state = aggregate(played, run="nightly")
    assert (state.name, state.message) == (
        "BadInput",
        f"run nightly: not found below {played.root}/.miyabi/runs. The latest runs: {RUN}.",
    )
    assert "not a usable name" in (aggregate(played, run="../x").message or "")


async def test_a_name_that_prefect_would_not_have(prefect_server: RealServer, played: PlayedRun) -> None:
    """A run's name may hold what the key of an artifact may not."""
    run = PlayedRun(played.repository, run="Nightly_1")
    await run.task("a", {"a.txt": "x"})
    run.keep()
    assert aggregate(run, run="Nightly_1").is_completed()


async def test_two_at_once(prefect_server: RealServer, played: PlayedRun) -> None:
    """Who comes second is told who is at it, and does not touch anything."""
    await played.task("a", {"a.txt": "x"})
    folder = played.keep()
    with folder.integration_lock():
        state = aggregate(played)
    assert state.name == "BadInput"
    assert "is being integrated by pid" in (state.message or "")
    assert not folder.report_file.exists()


async def test_the_report_is_of_the_run(prefect_server: RealServer, played: PlayedRun) -> None:
    """report.json holds what the results say, and how long the run itself took, whenever it is made."""
    await played.task("a", {"a.txt": "x"})
    folder = played.keep()
    aggregate(played)
    made = values(folder)
    assert (made.total, made.succeeded, made.wall_seconds) == (1, 1, 600)
