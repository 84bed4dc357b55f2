from __future__ import annotations

import json
from typing import Any

import pytest

from miyabi.claude import LegacyResult
from miyabi.claude.result_file import LONGEST_CHARACTERS, parse


def test_success() -> None:
    """The file of an agent that is content."""
    text = json.dumps({"status": "success", "success": True, "message": "did it", "error": None, "files": ["a", "b"]})
    assert parse(text) == LegacyResult(succeeded=True, message="did it", files=("a", "b"))


@pytest.mark.parametrize(
    ("fields", "succeeded"),
    [
        ({"status": "Completed"}, True),
        ({"success": True}, True),
        ({"status": "failed"}, False),
        ({"status": "error", "error": "x"}, False),
        ({"success": False}, False),
        ({"status": "success", "success": False}, False),
        ({"status": "failed", "success": True}, False),
        ({"status": "pondering"}, None),
        ({"status": 7, "success": "yes"}, None),
        ({"status": ["failed"], "success": []}, None),
    ],
)
def test_whether_it_succeeded(fields: dict[str, Any], succeeded: bool | None) -> None:  # noqa: FBT001 - a case
    """Either field counts, failure wins where they disagree, and what is neither says nothing."""
    found = parse(json.dumps(fields))
    assert found is not None
    assert found.succeeded is succeeded
    assert found.declares_failure is (succeeded is False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        "[]",
        "7",
        "null",
        '{"other": 1}',
        "[" * 100_000,
        '{"status": "ok", "x": "' + "x" * LONGEST_CHARACTERS,
    ],
)
def test_something_else(text: str) -> None:
    """Whatever is no such file is None, never an error."""
    assert parse(text) is None


def test_shapes() -> None:
    """Files and errors may be objects, a byte order mark may come first, nonsense is left out."""
    text = (
        '\ufeff{"status": "failed", "error": {"message": "boom"}, "files": [{"path": "a"}, "b", 3, ""], "message": 4}'
    )
    assert parse(text) == LegacyResult(succeeded=False, error="boom", files=("a", "b"))
