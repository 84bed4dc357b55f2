"""The view of a run that goes on, beside what befalls the run's files."""

from __future__ import annotations

import threading
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
