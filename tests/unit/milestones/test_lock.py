"""One orchestrator a milestone and repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from miyabi.errors import MilestoneBusy
from miyabi.milestones import milestone_lock


def test_one_at_a_time(tmp_path: Path) -> None:
    """Who comes second is told who works on it; another milestone is free, and so is this one afterwards."""
    with milestone_lock(tmp_path, 3), milestone_lock(tmp_path, 4):
        said = f"milestone 3 is being worked on by pid {os.getpid()}: nothing is started."
        with pytest.raises(MilestoneBusy, match=said), milestone_lock(tmp_path, 3):
            pytest.fail("it was given twice")
    with milestone_lock(tmp_path, 3):
        pass


def test_git_does_not_see_it(tmp_path: Path) -> None:
    """What it leaves in the repository is ignored."""
    with milestone_lock(tmp_path, 3):
        assert (tmp_path / ".miyabi" / "runs" / ".gitignore").read_text() == "*\n"
