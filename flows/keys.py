"""Keys of artifacts: Prefect takes lower case letters, digits and dashes only."""

from __future__ import annotations


def artifact_key(kind: str, run: str) -> str:
    """The key of a run's artifact of that kind."""
    return f"{kind}-{run}".lower().replace("_", "-")
