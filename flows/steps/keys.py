"""Keys of artifacts: Prefect takes lower case letters, digits and dashes only."""

from __future__ import annotations


def artifact_key(kind: str, name: str) -> str:
    """The key of the artifact of that kind; `name` is a run's, or that of a part of it."""
    return f"{kind}-{name}".lower().replace("_", "-")
