"""`miyabi orchestrate`: refuse bad input, have a server, run the flow, show it, say how it ended."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from flows.commands.home import miyabi_home
from flows.commands.live_table import watch
from flows.commands.summary import INTERRUPTED, show_end
from flows.server import client_settings, ensure_server
from miyabi.errors import BadInput
from miyabi.opening import RunRequest, read_request
from miyabi.run_folder import RunFolder, new_run_name

_QUIET = {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL"}  # the table says it; the UI has every line


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
) -> int:
    """Runs the DAG and returns the exit code: 0 all succeeded, 1 some did not, 2 bad input, 130 interrupted.

    Raises:
        BadInput: before anything was started.
        ServerError: no Prefect server could be found or started.
    """
    overrides: dict[str, Any] = {"runs": _given(strategy=strategy, fail_fast=fail_fast)}
    request = RunRequest(tasks=tasks, repository=repository, base=base, run=run, config=config, overrides=overrides)
    dag, _, repo, _ = asyncio.run(read_request(request))
    for warning in dag.warnings:
        click.echo(f"warning: {warning}", err=True)
    folder = RunFolder(repo.root, run or new_run_name(datetime.now(UTC), rehearse=rehearse))
    server = ensure_server(miyabi_home())
    os.environ.update({**client_settings(server.url), **_QUIET})
    click.echo(f"run         {folder.run}\nui          {server.ui_url}")
    parameters = {
        **_given(tasks=_absolute(tasks), config=_absolute(config), base=base, strategy=strategy, fail_fast=fail_fast),
        "repository": repo.root,
        "run": folder.run,
        "rehearse": rehearse,
    }
    return _run(folder, parameters)


def _run(folder: RunFolder, parameters: dict[str, Any]) -> int:
    from flows.run_dag import run_dag  # noqa: PLC0415 - Prefect is imported once its settings stand

    try:
        with watch(folder):
            state: Any = run_dag(**parameters, return_state=True)
    except KeyboardInterrupt:
        show_end(folder)
        return INTERRUPTED
    if state.name == "BadInput":
        raise BadInput(state.message)
    return show_end(folder)


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _absolute(path: Path | None) -> Path | None:
    return path.absolute() if path else None
