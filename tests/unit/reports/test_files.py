"""A report that was written is read again."""

from __future__ import annotations

from pathlib import Path

import pytest

from miyabi.errors import BadInput
from miyabi.reports import read_report
from miyabi.runs import RunFolder


def test_a_report_that_is_not_there(tmp_path: Path) -> None:
    """A run that is not over has none yet."""
    assert read_report(RunFolder(tmp_path, "r1").create()) is None


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "the file: Invalid JSON: .*"),
        ("[]", "the file: Input should be an object, found a list"),
        ("{}", "run: Field required"),
        ('{"run": 7}', "run: Input should be a valid string, found the number 7"),
    ],
)
def test_a_damaged_report(tmp_path: Path, content: str, sentence: str) -> None:
    """It is named, with the field, what was found and what to do."""
    folder = RunFolder(tmp_path, "r1").create()
    folder.report_values_file.write_text(content)
    with pytest.raises(BadInput, match=rf"report\.json: {sentence}\. Make it anew\.$"):
        read_report(folder)
