"""As whom a flow goes to GitHub: out of a block, or the environment."""

from __future__ import annotations

import os
from typing import Any

from prefect.blocks.system import Secret
from pydantic import SecretStr

from blocks.github import GitHubRepository
from flows.parameters import find_block
from miyabi.errors import SettingsError
from miyabi.github.login import GitHubLogin


def log_in(block: str | None) -> tuple[GitHubLogin, dict[str, Any]]:
    """The credential, and what else a block says, shaped like the configuration file.

    Args:
        block: name of a GitHub Repository block, or of a Secret block with a token; None: the environment's token.

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
