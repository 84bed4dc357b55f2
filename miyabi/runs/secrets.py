"""What a run must not show of its settings, its DAG and the files that it copies, known to whoever shows it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from miyabi.claude import hide_secrets
from miyabi.dag import Dag
from miyabi.errors import BadInput, GitError
from miyabi.git import Repository
from miyabi.runs.copies import read_copies
from miyabi.runs.folder import RunFolder
from miyabi.runs.options import secrets_of_options
from miyabi.runs.repository import open_repository
from miyabi.settings import Settings
from miyabi.text import hide, secrets_of_address, secrets_of_file


def hide_settings(settings: Settings, dag: Dag, *, root: Path) -> None:
    """Has this process redact what settings and DAG hold as secrets. `root` is the folder that files are named from."""
    hide_secrets(settings.machines, settings.sessions.environment)
    hide(secrets_of_options(dag, settings.sessions, root=root))
    hide(secret for url in settings.notify.urls for secret in secrets_of_address(url.get_secret_value()))


async def hidden_copies(repository: Repository, settings: Settings) -> dict[str, bytes]:
    """Reads the ignored files that each checkout gets, by path, and has this process redact what they hold.

    Raises:
        GitFailed: git could not find them.
        SettingsError: they are too large.
    """
    files = await read_copies(repository, settings)
    hide(secret for content in files.values() for secret in secrets_of_file(content))
    return files


async def hide_secrets_of_run(folder: RunFolder) -> None:
    """Has this process redact what a run must not show, as far as its repository's settings can be read now."""
    with suppress(BadInput, GitError):
        repository, settings = await open_repository(folder.repository)
        hide_settings(settings, Dag.load(folder.dag_file), root=repository.root)
        await hidden_copies(repository, settings)
