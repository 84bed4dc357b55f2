"""What a person sees while a run goes on."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from flows.cli.live_table import _line, watch
from miyabi.runs import Board, RunFolder, Snapshot, TaskProgress
from miyabi.sessions import Outcome

AGO = 600.0  # seconds since the run's start


@pytest.mark.parametrize("damage", ["no JSON", "a folder"])
def test_a_damaged_status_does_not_end_the_view(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    """The view goes on as if there were none yet, and shows the status once it is written anew."""
    folder = RunFolder(tmp_path, "r1").create()
    folder.status_file.mkdir() if damage == "a folder" else folder.status_file.write_text("{")
    board, looks, has_survived = Board(run="r1", tasks=["a"]), list[None](), threading.Event()

    def find() -> RunFolder:
        looks.append(None)
        if len(looks) > 1:
            has_survived.set()
        return folder

    with watch(find):
        assert has_survived.wait(60)
        if damage == "a folder":
            folder.status_file.rmdir()
        board.update("a", state="running", machine="m1")
        board.write(folder.status_file)
    assert "a: running on m1" in capsys.readouterr().out


def test_no_line_goes_back_in_time() -> None:
    """A session that has ended while its work was collected is reported when that is seen, with its own length."""
    start = time.time() - AGO
    collecting = TaskProgress(task="a", state="collecting", started=start)
    done = TaskProgress(task="a", state="done", started=start, ended=start + 65, outcome=Outcome.SUCCEEDED)
    before, after = (_line(row, Snapshot(run="r1", started=start, rows=(row,))) for row in (collecting, done))
    assert before.split()[0] <= after.split()[0]
    assert after.endswith("  a: succeeded after 1:05")
