"""An outage at a step of a session's life changes nothing of its outcome; made by `tests/support/cli/outages.py`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli.outages import Field, Trial
from tests.support.prefect.server import prefect_database  # noqa: F401 - a fixture


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory, prefect_database: Path) -> Iterator[Field]:
    """Where the trials are made."""
    field = Field(tmp_path_factory.mktemp("outages"), database=prefect_database)
    yield field
    field.close()


@pytest.mark.parametrize(
    ("kind", "step"),
    [
        ("link", "preparing"),
        ("sshd", "ending"),
        ("server", "verifying"),
        ("api", "running"),
        ("machine's disk", "running"),
        ("own disk", "last ending"),
    ],
)
def test_an_outage_of_three_seconds(field: Field, kind: str, step: str) -> None:
    """Both tasks succeed as if nothing had been."""
    if "disk" in kind and os.geteuid():
        pytest.skip("a small disk is mounted, which takes root")
    assert field(Trial(kind=kind, step=step, seconds=3, after_seconds=0.1)) == ""
