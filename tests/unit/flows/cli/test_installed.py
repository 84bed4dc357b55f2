from __future__ import annotations

import itertools
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from flows.cli import installed
from flows.cli.installed import schedule_fault

ROOT = Path(__file__).parents[4]
PREFECTS = ("3.8.8", "3.8.9", "3.9.0", "3.9.1", "3.9.2", "3.10.0")
SQLALCHEMYS = ("2.0.39", "2.0.58", "2.1.0", "2.1.9", "2.2.0b1", "3.0")


def versions(**known: str) -> Callable[[str], str]:
    """What importlib.metadata says where these are installed."""
    return known.__getitem__


@pytest.mark.parametrize(
    ("prefect", "sqlalchemy", "works"),
    [
        ("3.8.8", "2.1.9", False),
        ("3.9.0", "2.1.0", False),
        ("3.8.8", "2.1.0b2", False),
        ("3.8.8", "2.0.58", True),
        ("3.9.1", "2.1.9", True),
        ("3.9.1.post1", "2.1.9", True),
        ("3.10.0", "2.2.0", True),
    ],
)
def test_a_pair_that_fires_no_schedule(
    prefect: str, sqlalchemy: str, *, works: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told by the two versions, with both of them and what to install in their place."""
    monkeypatch.setattr(installed, "version", versions(prefect=prefect, sqlalchemy=sqlalchemy))
    said = schedule_fault()
    assert (said is None) is works
    words = [prefect, sqlalchemy, "prefect>=3.9.1", "sqlalchemy<2.1"]
    assert said is None or [word for word in words if word not in said] == []


def test_no_resolver_gets_such_a_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all versions that pyproject.toml admits, each pair fires schedules; 3.8.8 to 3.9 are admitted."""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {found.name: found.specifier for found in map(Requirement, project["dependencies"])}
    admitted = itertools.product(wanted["prefect"].filter(PREFECTS), wanted["sqlalchemy"].filter(SQLALCHEMYS))
    pairs = list(admitted)
    assert {prefect for prefect, _ in pairs} == {"3.8.8", "3.8.9", "3.9.0", "3.9.1", "3.9.2"}
    for prefect, sqlalchemy in pairs:
        monkeypatch.setattr(installed, "version", versions(prefect=prefect, sqlalchemy=sqlalchemy))
        assert schedule_fault() is None


def test_this_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tested here fires schedules."""
    assert schedule_fault() is None
