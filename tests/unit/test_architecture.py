"""The house rules that a machine can hold: layers, the two doors, file sizes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYERS = {
    "miyabi": {"miyabi"},
    "blocks": {"blocks", "miyabi"},
    "tasks": {"tasks", "miyabi"},
    "flows": {"flows", "tasks", "blocks", "miyabi"},
}
DOORS = {"asyncssh": "miyabi/hosts.py", "githubkit": "miyabi/github.py"}
SOURCES = sorted(p for layer in LAYERS for p in (ROOT / layer).rglob("*.py"))


def imported(source: Path) -> Iterator[str]:
    """The top-level packages that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.split(".")[0]


def name(source: Path) -> str:
    """The file's path from the root, for test ids."""
    return str(source.relative_to(ROOT))


def test_there_are_sources() -> None:
    """The rules below look at real files."""
    assert {p.relative_to(ROOT).parts[0] for p in SOURCES} == set(LAYERS)


@pytest.mark.parametrize("source", SOURCES, ids=name)
def test_a_layer_imports_only_what_it_may(source: Path) -> None:
    """No file reaches into a layer above or beside its own."""
    layer = source.relative_to(ROOT).parts[0]
    forbidden = (set(LAYERS) - LAYERS[layer]) | ({"prefect"} if layer == "miyabi" else set())
    assert not set(imported(source)) & forbidden


@pytest.mark.parametrize("source", SOURCES, ids=name)
def test_each_foreign_library_has_one_door(source: Path) -> None:
    """Asyncssh and githubkit are imported in one file each."""
    for library, door in DOORS.items():
        assert library not in set(imported(source)) or name(source) == door


@pytest.mark.parametrize("source", [*SOURCES, *sorted((ROOT / "tests").rglob("*.py"))], ids=name)
def test_a_file_holds_one_idea(source: Path) -> None:
    """No file is longer than 250 lines."""
    assert len(source.read_text(encoding="utf-8").splitlines()) <= 250
