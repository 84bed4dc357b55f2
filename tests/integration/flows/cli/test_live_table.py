"""The view of a run that goes on, beside what befalls the run's files."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from flows.cli.live_table import watch
from miyabi.runs import Board, RunFolder


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


def test_what_an_earlier_orchestrator_has_left_is_not_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run that is gone on with has a clock of its own: no line is timed by the one before it."""
    folder = RunFolder(tmp_path, "r1").create()
    earlier = Board(run="r1", tasks=["a", "b"], clock=lambda: time.time() - 400)
    earlier.update("a", state="running", machine="m1")
    earlier.write(folder.status_file)
    board, looks, was_looked_at = Board(run="r1", tasks=["a", "b"]), list[None](), threading.Event()

    def find() -> RunFolder:
        looks.append(None)
        if len(looks) > 2:  # the second look was shown, or was not
            was_looked_at.set()
        return folder

    with watch(find):
        assert was_looked_at.wait(60)
        board.update("b", state="running", machine="m2")
        board.write(folder.status_file)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith("  b: running on m2")
    assert not line.startswith("   6:")
