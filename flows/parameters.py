"""What flows have in common among their parameters: blocks and choices become overrides of the configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

from prefect.blocks.core import Block
from prefect.blocks.system import Secret
from pydantic import BeforeValidator, Field, SecretStr, WithJsonSchema

from blocks.fleet import Fleet, SessionDefaults
from blocks.github import GitHubRepository
from miyabi.errors import SettingsError
from miyabi.github import GitHubLogin, LinkedRepository
from miyabi.machines import Strategy
from miyabi.runs import open_repository
from miyabi.settings import require_moment

B = TypeVar("B", bound=Block)


def overrides(fleet: str | None = None, session_defaults: str | None = None, **runs: Any) -> dict[str, Any]:
    """Returns what a flow's parameters say, shaped like the configuration file.

    Args:
        fleet: name of a Fleet block.
        session_defaults: name of a Session Defaults block.
        runs: values of the table [runs]; None where a parameter was left empty.

    Raises:
        SettingsError: there is no such block, or no such hour.
    """
    require_moment(runs.get("until"), name="the parameter until")
    return {
        **(_required(Fleet, fleet).overrides() if fleet else {}),
        **(_required(SessionDefaults, session_defaults).overrides() if session_defaults else {}),
        "runs": {name: value for name, value in runs.items() if value is not None} or None,
    }


def find_block(kind: type[B], name: str) -> B | None:
    """Loads the block of that kind and name; None where there is none."""
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


AS_CONFIGURED = "as configured"


def _none_where_empty(value: Any) -> Any:
    return None if value in {"", AS_CONFIGURED} else value


_EMPTIABLE = BeforeValidator(_none_where_empty)
_EMPTY = Field(json_schema_extra={"default": ""})

OptionalText = Annotated[str | None, _EMPTIABLE, WithJsonSchema({"type": "string"}), _EMPTY]
"""A text; empty means None."""

OptionalPath = Annotated[Path | None, _EMPTIABLE, WithJsonSchema({"type": "string", "format": "path"}), _EMPTY]
"""A path; empty means None."""

OptionalStrategy = Annotated[
    Strategy | None,
    _EMPTIABLE,
    WithJsonSchema({"type": "string", "enum": [AS_CONFIGURED, *Strategy]}),
    Field(json_schema_extra={"default": AS_CONFIGURED}),
]
"""One of the strategies; "as configured" means None."""

OptionalNames = Annotated[
    list[str] | None,
    WithJsonSchema({"type": "array", "items": {"type": "string"}}),
    Field(json_schema_extra={"default": []}),
]
"""Several names; empty means None."""


def log_in(block: str | None) -> tuple[GitHubLogin, dict[str, Any]]:
    """Finds the credential for GitHub.

    Args:
        block: name of a GitHub Repository block, or of a Secret block with a token; None: the environment's token.

    Returns:
        The credential, and what else a block says, shaped like the configuration file.

    Raises:
        SettingsError: there is no such block, or no credential.
    """
    if block is None:
        return GitHubLogin.of_environment(os.environ), {}
    if (found := find_block(GitHubRepository, block)) is not None:
        return found.login(), found.overrides()
    if (secret := find_block(Secret, block)) is not None:
        return GitHubLogin(token=SecretStr(str(secret.get()))), {}
    raise SettingsError(
        f"there is no Water Spider GitHub Repository block and no Secret block named {block!r}. "
        f"Make one in the Prefect UI (Blocks), after: prefect block register --module blocks.github"
    )


async def link(
    repository: Path, *, login: GitHubLogin, config: Path | None, overrides: Mapping[str, Any]
) -> LinkedRepository:
    """Opens the repository and finds what belongs to it at GitHub; asks nobody there.

    Raises:
        BadInput: as `open_repository`, or there is no such remote.
    """
    opened, settings = await open_repository(repository, config=config, **overrides)
    return await LinkedRepository.of(opened, settings, login=login)
