"""What `miyabi logs` prints of a set-up that runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.cli.logs import SetUpLines


def test_each_line_is_printed_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whole lines, as they come, also where the first ones are gone or the file is just being written."""
    file = tmp_path / "setup.log"
    shown = SetUpLines(file)
    shown.show()
    for text in ("a\nb\nhal", "a\n", "", "a\nb\nhalf\n", "b\nhalf\n\x1b[31mc\n", "x\ny\n"):
        file.write_text(text)
        shown.show()
        shown.show()
    lines = capsys.readouterr().out.splitlines()
    assert [line.removeprefix("set-up | ") for line in lines] == ["a", "b", "half", "c", "x", "y"]
