"""What `miyabi status` says of a run."""

from __future__ import annotations

from pathlib import Path

from flows.cli.status import _headline
from miyabi.views import view_status
from tests.support.values.results import result, run_folder, small_dag


def test_a_damaged_run_has_no_figures(tmp_path: Path) -> None:
    """Nobody knows them: it is not said to be one of no tasks that took no time."""
    folder = run_folder(tmp_path, "r1", small_dag({"a": []}), result("a"))
    assert "; 1 task: " in _headline(view_status(folder, settings=None))
    folder.info_file.write_text("{")
    assert _headline(view_status(folder, settings=None)) == "run r1: damaged"
