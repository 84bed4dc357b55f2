"""What flows have in common among their parameters: blocks and choices become overrides of the configuration."""

from __future__ import annotations

from typing import Any, cast

from blocks.fleet import Fleet, SessionDefaults


def overrides(fleet: str | None = None, session_defaults: str | None = None, **runs: Any) -> dict[str, Any]:
    """What a flow's parameters say, shaped like the configuration file.

    Args:
        fleet: name of a Fleet block.
        session_defaults: name of a Session Defaults block.
        runs: values of the table [runs]; None where a parameter was left empty.
    """
    return {
        **(cast("Fleet", Fleet.load(fleet)).overrides() if fleet else {}),
        **(cast("SessionDefaults", SessionDefaults.load(session_defaults)).overrides() if session_defaults else {}),
        "runs": {name: value for name, value in runs.items() if value is not None} or None,
    }
