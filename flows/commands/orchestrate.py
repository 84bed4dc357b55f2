"""`miyabi orchestrate`: refuse bad input, have a server, run the flow, show it, say how it ended."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from flows.commands.pressed import Pressed
from flows.commands.ready import given, hosts_of, make_ready
from flows.commands.summary import FAILED, INTERRUPTED, SUCCEEDED, show_end
from miyabi.errors import BadInput, GitHubError
from miyabi.github_login import GitHubLogin
from miyabi.opening import RunRequest, read_request
from miyabi.place import Place
from miyabi.run_folder import RunFolder, new_run_name
from miyabi.submodules import submodules_of


def orchestrate(
    *,
    tasks: Path | None,
    repository: Path,
    config: Path | None = None,
    strategy: str | None = None,
    base: str | None = None,
    run: str | None = None,
    fail_fast: bool | None = None,
    rehearse: bool = False,
    pull_request: bool = False,
    github: str | None = None,
) -> int:
    """Runs the DAG and returns the exit code: 0 all succeeded, 1 some did not, 130 interrupted.

    Raises:
        BadInput: before anything was started.
        ServerError: no Prefect server could be found or started.
    """
    overrides: dict[str, Any] = {"runs": given(strategy=strategy, fail_fast=fail_fast)}
    request = RunRequest(
        tasks=tasks,
        repository=repository,
        base=base,
        run=run,
        config=config,
        rehearse=rehearse,
        overrides=overrides,
    )
    dag, settings, repo, commit = asyncio.run(read_request(request))
    is_brought = pull_request and not rehearse
    if is_brought and github is None:
        GitHubLogin.of_environment(os.environ)
    empty = asyncio.run(submodules_of(repo, commit)).warning
    for warning in (*dag.warnings, *([empty] if empty else [])):
        click.echo(f"warning: {warning}", err=True)
    for sentence in dag.not_scheduled:
        click.echo(sentence, err=True)
    folder = RunFolder(repo.root, run or new_run_name(datetime.now(UTC), rehearse=rehearse))
    ui = make_ready(hosts_of(settings.machines))
    if is_brought:
        _require_home(repo.root, config=_absolute(config), github=github)
    click.echo(f"run         {folder.run}\nui          {ui}")
    parameters = {
        **given(tasks=_absolute(tasks), config=_absolute(config), base=base, strategy=strategy, fail_fast=fail_fast),
        "repository": repo.root,
        "run": folder.run,
        "rehearse": rehearse,
    }
    pressed = Pressed(lambda: folder)
    code = pressed.leave(_run(folder, parameters, pressed))
    if pull_request and rehearse:
        click.echo("home        a rehearsal opens no pull request")
    elif pull_request and code != INTERRUPTED:
        code = max(code, _open_pull_request(folder, given(config=_absolute(config), github=github)))
    return code


def _require_home(root: Path, *, config: Path | None, github: str | None) -> None:
    """Passes where the pull request can be opened in the end, as far as that is known now.

    Raises:
        BadInput: it cannot.
    """
    from flows.login import log_in  # noqa: PLC0415 - Prefect is imported once its settings stand

    login, said = log_in(github)
    place = asyncio.run(Place.open(root, login=login, config=config, overrides=said))
    try:
        asyncio.run(place.require_writable())
    except GitHubError as error:
        click.echo(f"warning: {error}", err=True)


def _open_pull_request(folder: RunFolder, parameters: dict[str, Any]) -> int:
    from flows.open_pull_request import open_pull_request  # noqa: PLC0415 - as above

    state: Any = open_pull_request(repository=folder.repository, run=folder.run, return_state=True, **parameters)
    click.echo(f"home        {state.message}", err=not state.is_completed())
    return SUCCEEDED if state.is_completed() else FAILED


def _run(folder: RunFolder, parameters: dict[str, Any], pressed: Pressed) -> int:
    from flows.run_dag import run_dag  # noqa: PLC0415 - Prefect is imported once its settings stand

    state = pressed.run(lambda: run_dag(**parameters, return_state=True))
    if state and state.name == "BadInput":
        raise BadInput(state.message)
    code = show_end(folder, said=state.message if state else None, is_failed=bool(state and state.is_failed()))
    if state and not state.is_cancelled() and state.name != "DiskFull":
        return code
    click.echo(f"to go on    miyabi orchestrate --run {folder.run}")
    return INTERRUPTED if pressed.is_interrupted or (state and state.is_cancelled()) else FAILED


def _absolute(path: Path | None) -> Path | None:
    return path.absolute() if path else None
