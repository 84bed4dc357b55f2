"""What flows have in common among their parameters: blocks and choices become overrides of the configuration."""

from __future__ import annotations

from typing import Any, TypeVar, cast

from prefect.blocks.core import Block

from blocks.fleet import Fleet, SessionDefaults
from miyabi.errors import SettingsError

B = TypeVar("B", bound=Block)


def overrides(fleet: str | None = None, session_defaults: str | None = None, **runs: Any) -> dict[str, Any]:
    """What a flow's parameters say, shaped like the configuration file.

    Args:
        fleet: name of a Fleet block.
        session_defaults: name of a Session Defaults block.
        runs: values of the table [runs]; None where a parameter was left empty.

    Raises:
        SettingsError: there is no such block.
    """
    return {
        **(_required(Fleet, fleet).overrides() if fleet else {}),
        **(_required(SessionDefaults, session_defaults).overrides() if session_defaults else {}),
        "runs": {name: value for name, value in runs.items() if value is not None} or None,
    }


def find_block(kind: type[B], name: str) -> B | None:
    """The block of that kind and name; None where there is none."""
    try:
        return cast("B", kind.load(name))
    except ValueError:  # Prefect's way to say that there is none
        return None


def _required(kind: type[B], name: str) -> B:
    if (found := find_block(kind, name)) is not None:
        return found
    raise SettingsError(
        f"there is no {kind._block_type_name} block named {name!r}. "  # noqa: SLF001 - what the UI calls it
        f"Make one in the Prefect UI (Blocks), after: prefect block register --module blocks.fleet"
    )
