"""How a checkout where the orchestrator runs is set up, so that verify commands find what a session's check found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from miyabi.git import Repository
from miyabi.machines import LOCAL
from miyabi.runs.secrets import hidden_copies
from miyabi.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutSetup:
    """What a checkout here is given, and by which commands it is set up then.

    Args:
        commands: shell commands, in this order.
        files: those that it gets, by path.
        cache: the folder that they find as MIYABI_CACHE, which may begin with ~/; None: there is none.
    """

    commands: tuple[str, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    cache: Path | None = None

    @classmethod
    async def of(cls, repository: Repository, settings: Settings) -> Self:
        """Makes that of the settings: what sessions get, and what those get on this machine where it is in the fleet.

        What the files hold is redacted from now on.

        Raises:
            GitFailed: git could not find the files.
            SettingsError: they are too large.
        """
        here = next((machine for machine in settings.machines if machine.host is None), None)
        labels = {"", *(here.offers if here else ())}
        workspace = (here or LOCAL).workspace
        return cls(
            commands=tuple(command for label, command in settings.sessions.setups if label in labels),
            files=await hidden_copies(repository, settings),
            cache=Path(f"{workspace}/cache/{repository.key}"),
        )
