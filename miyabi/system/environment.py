"""What commands of ours, and those that agents wrote, find in their environment: no secret of the orchestrator's."""

from __future__ import annotations

from collections.abc import Mapping

_KEPT = frozenset({"HOME", "PATH", "USER", "LOGNAME", "SHELL", "LANG", "TMPDIR"})


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What a login there would have too: none of the orchestrator's secrets."""
    return {name: value for name, value in environment.items() if name in _KEPT or name.startswith("LC_")}
