"""What the run folders of a repository tell of a milestone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from miyabi.integration import LeftOutKind
from miyabi.milestones.history import EarlierRuns, closing_pull_requests, earlier_runs
from miyabi.pull_requests import Publication
from miyabi.reports import read_report
from miyabi.runs import MilestoneRun, RunFolder, create_run
from miyabi.sessions import Outcome
from miyabi.settings import Settings
from tests.support.values.earlier_runs import issues_dag, past, pull
from tests.support.values.milestones import milestone
from tests.support.values.results import STARTED

MILESTONE = milestone(id=900)


def read(repository: Path, *, github: str = "acme/app", **fields: Any) -> EarlierRuns:
    """What is told of milestone 3."""
    return earlier_runs(repository, github=github, milestone=milestone(**{"id": 900, **fields}))


def keep(root: Path, /, run: str, *issues: int, day: int = 1, ended: bool = True, **more: Any) -> RunFolder:
    """A run that began on that day and worked on these issues; `more` are fields of what it is for, or `rehearse`."""
    folder = RunFolder(root, run).create()
    rehearse = more.pop("rehearse", False)
    of = {"repository": "acme/app", "number": 3, "id": 900, "title": "v1.2", **more}
    folder.keep(MilestoneRun.model_validate(of))
    create_run(
        folder, dag=issues_dag(*issues), settings=Settings(), base="b" * 40, base_branch="main", rehearse=rehearse
    )
    start = STARTED + timedelta(days=day)
    end = {"ended": start + timedelta(hours=1)} if ended else {}
    folder.write_info(folder.info().model_copy(update={"started": start, **end}))
    return folder


def test_nothing_yet(tmp_path: Path) -> None:
    """A repository without runs tells nothing."""
    assert read(tmp_path) == EarlierRuns()


def test_the_order_is_that_of_time(tmp_path: Path) -> None:
    """The latest start is the last, whatever the runs are called; a rehearsal is not the last."""
    keep(tmp_path, "zebra", 7, day=1)
    keep(tmp_path, "apple", 7, day=2)
    keep(tmp_path, "rehearsal-x", 7, day=3, rehearse=True)
    found = read(tmp_path)
    assert [run.report.run for run in found.runs] == ["zebra", "apple", "rehearsal-x"]
    assert found.last is not None
    assert found.last.report.run == "apple"
    assert found.latest_of(7) is found.last
    assert (found.latest_of(8), [each.run for each in found.attempts]) == (None, ["zebra", "apple"])


def test_other_milestones_are_not_told_of(tmp_path: Path) -> None:
    """Neither another number, nor the same number of another repository, nor a run that is for none."""
    keep(tmp_path, "other-number", 7, number=4)
    keep(tmp_path, "other-home", 7, id=901, repository="acme/other")
    (keep(tmp_path, "none", 7).path / "milestone.json").unlink()
    assert read(tmp_path).runs == ()


@pytest.mark.parametrize(("known", "github", "count"), [(900, "acme/new", 1), (0, "Acme/App", 1), (0, "acme/new", 0)])
def test_a_renamed_repository(tmp_path: Path, known: int, github: str, count: int) -> None:
    """The milestone's own id counts; where a run does not know it, the repository's name."""
    keep(tmp_path, "r1", 7, id=known)
    assert len(read(tmp_path, github=github).runs) == count


def test_a_run_that_was_cut_short(tmp_path: Path) -> None:
    """It is to be gone on with and no try; a rehearsal is not gone on with."""
    keep(tmp_path, "r1", 7, ended=False)
    keep(tmp_path, "rehearsal-r2", 7, ended=False, rehearse=True)
    found = read(tmp_path)
    assert (found.cut_short, found.runs) == (RunFolder(tmp_path, "r1"), ())


def test_the_latest_that_was_cut_short(tmp_path: Path) -> None:
    """Of several the one that began last is gone on with, whatever they are called."""
    keep(tmp_path, "zebra", 7, ended=False, day=1)
    keep(tmp_path, "apple", 8, ended=False, day=2)
    assert read(tmp_path).cut_short == RunFolder(tmp_path, "apple")


def test_a_live_run(tmp_path: Path) -> None:
    """The issues of a run that is worked on are named, for whatever milestone; those of a rehearsal are free."""
    with keep(tmp_path, "r1", 7, ended=False, number=4).lock(), keep(tmp_path, "r2", 8, rehearse=True).lock():
        assert read(tmp_path).live == {7: "r1"}
    assert read(tmp_path).live == {}


@pytest.mark.parametrize("file", ["dag.json", "run.json", "integration.json", "home.json", "milestone.json"])
def test_a_damaged_folder(tmp_path: Path, file: str) -> None:
    """It is left out and named; the others count."""
    (keep(tmp_path, "r1", 7).path / file).write_text("{")
    keep(tmp_path, "r2", 8)
    found = read(tmp_path)
    assert [run.report.run for run in found.runs] == ["r2"]
    (warning,) = found.warnings
    assert warning.startswith("run r1 is left out of account: ")
    assert file in warning


def test_a_damaged_report(tmp_path: Path) -> None:
    """The report is made of the results, so a damaged one is made again."""
    folder = keep(tmp_path, "r1", 7)
    folder.report_values_file.write_text("{")
    assert [run.report.run for run in read(tmp_path).runs] == ["r1"]
    assert read_report(folder) is not None


def test_what_has_to_be_published(tmp_path: Path) -> None:
    """What GitHub was not told of, or was told of before the run went on; never a rehearsal."""
    folder = keep(tmp_path, "r1", 7)
    keep(tmp_path, "rehearsal-r2", 7, rehearse=True)
    assert [run.needs_publication for run in read(tmp_path).runs] == [True, False]
    folder.keep(Publication(repository="acme/app", told=folder.info().ended))
    assert [run.needs_publication for run in read(tmp_path).runs] == [False, False]
    folder.write_info(folder.info().model_copy(update={"ended": STARTED + timedelta(days=2)}))
    folder.report_values_file.unlink()
    assert [run.needs_publication for run in read(tmp_path).runs] == [True, False]


def test_pull_requests_of_issues() -> None:
    """Those of every run that worked on one of the issues."""
    runs = EarlierRuns(
        runs=(
            past({7: Outcome.SUCCEEDED}, pulls=[pull(12)]),
            past({8: Outcome.SUCCEEDED}, day=2, pulls=[pull(13)]),
            past({7: Outcome.SUCCEEDED}, day=3, pulls=[pull(14)]),
        )
    )
    assert closing_pull_requests(runs, issues=[7, 9]) == (12, 14)


def test_left_out() -> None:
    """What was done and is not with the rest; nothing where a session failed or has a pull request of its own."""
    run = past(
        {7: Outcome.SUCCEEDED, 8: Outcome.AGENT_ERROR, 9: Outcome.SUCCEEDED},
        left_out={7: LeftOutKind.CONFLICT, 8: LeftOutKind.FAILED, 9: LeftOutKind.CONFLICT},
        pulls=[pull(12, head="miyabi/night-1/issue-9")],
    )
    assert [run.left_out(issue) is not None for issue in (7, 8, 9, 10)] == [True, False, False, False]


def test_what_github_refused_for_its_size_is_left_over() -> None:
    """Work that is in no pull request for its size is not done, whether the others are in one or each in its own."""
    outcomes, size = dict.fromkeys((7, 8), Outcome.SUCCEEDED), {7: LeftOutKind.SIZE}
    alone = [pull(12, head="miyabi/night-1/issue-8")]
    assert [past(outcomes, left_out=size, pulls=pulls).left_nothing for pulls in ((), alone)] == [False, False]
    assert past(outcomes, pulls=alone).left_nothing
