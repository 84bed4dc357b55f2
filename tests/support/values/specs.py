"""The spec of a session, made in a few words."""

from __future__ import annotations

from typing import Any

from miyabi.sessions import SessionSpec

_GIVEN: dict[str, Any] = {
    "run": "r1",
    "task": "t1",
    "prompt": "Do it.",
    "permission_mode": "dontAsk",
    "timeout_seconds": 1800,
    "linger_seconds": 15,
    "setup_timeout_seconds": 600,
    "check_timeout_seconds": 600,
    "max_file_bytes": 95_000_000,
}


def session_spec(**fields: Any) -> SessionSpec:
    """The spec of an attempt of task t1 of run r1, but for what is given."""
    return SessionSpec.model_validate(_GIVEN | fields)
