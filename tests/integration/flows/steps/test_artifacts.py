"""Every run has its artifacts, whatever it is called."""

from __future__ import annotations

import pytest
from prefect.client.schemas.actions import ArtifactCreate

from flows.steps.artifacts import artifact_key
from miyabi.runs import valid_run_name


@pytest.mark.parametrize("run", ["nightly_1", "Nightly-1", "20261122-113501-k3f", "A" * 64])
def test_the_key_of_any_run(run: str) -> None:
    """Prefect takes the key of each name that a run may have."""
    key = artifact_key("progress", valid_run_name(run))
    assert ArtifactCreate(key=key, type="progress", data=1.0).key == key
