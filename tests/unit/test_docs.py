"""What the documents name of the tree is there."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PATH = re.compile(r"`((?:miyabi|flows|tasks|blocks|tests|bench|examples)/[\w./-]+)`")
PROMISES = re.compile(r"`(test_\w+)`(?:: ([\w, ]+))?")


@cache
def _tests() -> dict[str, str]:
    """The text of all test files of one name, by that name."""
    found: dict[str, str] = {}
    for file in (ROOT / "tests").rglob("test_*.py"):
        found[file.stem] = found.get(file.stem, "") + file.read_text()
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_files_that_are_named_are_there(document: Path) -> None:
    """A path in a document is one of the tree; `miyabi/RUN/...` is a branch."""
    named = PATH.findall(document.read_text())
    assert [path for path in named if "RUN" not in path and not (ROOT / path).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_tests_that_are_named_are_there(document: Path) -> None:
    """A test that a document names as its proof is in the file that it says."""
    gone = []
    for file, names in PROMISES.findall(document.read_text()):
        wanted = [f"def test_{name.strip()}" for name in names.split(",") if name.strip()]
        gone += [f"{file}: {name}" for name in wanted or [""] if name not in _tests().get(file, "no such file")]
    assert gone == []
