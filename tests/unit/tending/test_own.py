"""Which pull requests are ours: those that a run of this repository's folder has opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from miyabi.errors import PullRequestsBusy
from miyabi.github import PullRequest
from miyabi.pull_requests import Publication
from miyabi.runs import RunFolder
from miyabi.tending import tending_lock
from miyabi.tending.own import own_pull_requests

PULL = PullRequest(number=4, title="T", head="miyabi/r1", base="main")


def opened(repository: Path, run: str, *pulls: PullRequest) -> RunFolder:
    """The folder of a run that has opened these."""
    folder = RunFolder(repository, run).create()
    folder.info_file.write_text("{}")
    folder.keep(Publication(repository="o/r", pull_requests=pulls))
    return folder


def test_one_that_a_run_opened_is_ours(tmp_path: Path) -> None:
    """By number and head branch: another branch, or one of a fork, is somebody's."""
    folder = opened(tmp_path, "r1", PULL)
    own = own_pull_requests(tmp_path)
    assert own.run_of(PULL) == folder
    others = [{"number": 5}, {"head": "miyabi/r2"}, {"from_fork": True}]
    assert [own.run_of(PULL.model_copy(update=other)) for other in others] == [None] * 3


def test_a_damaged_folder_keeps_no_other_back(tmp_path: Path) -> None:
    """It is left out, and a warning names it."""
    opened(tmp_path, "r1", PULL)
    (opened(tmp_path, "r2").path / Publication.file_name).write_text("{")
    own = own_pull_requests(tmp_path)
    assert (own.run_of(PULL) is not None, len(own.warnings)) == (True, 1)
    assert own.warnings[0].startswith("run r2 is left out of account: ")


def test_one_orchestrator_tends_them(tmp_path: Path) -> None:
    """A second one is told who does; afterwards they are free again."""
    for _ in range(2):
        with tending_lock(tmp_path), pytest.raises(PullRequestsBusy, match="by pid"), tending_lock(tmp_path):
            pass
