"""`miyabi orchestrate`: refuse bad input, have a server, run the flow, show it, say how it ended."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from flows.cli.exit_code import ExitCode
from flows.cli.interrupt import InterruptibleFlow
from flows.cli.options import PATH, config_option, repository_option, strategy_option
from flows.cli.prepare import given, hosts_of, make_ready
from flows.cli.summary import show_end
from miyabi.dag import Dag
from miyabi.errors import BadInput, GitHubError
from miyabi.git import submodules_of
from miyabi.github import GitHubLogin
from miyabi.pull_requests import require_readable
from miyabi.runs import RunFolder, RunRequest, RunStart, new_run_name, read_request
from miyabi.settings import require_moment
from miyabi.text import count, several


@click.command(help="Run the DAG. Exit code 0: all succeeded, 1: some did not, 2: bad input, 130: interrupted.")
@click.argument("tasks", type=PATH, required=False)
@repository_option
@config_option
@strategy_option
@click.option("--base", help="Branch, tag or commit to start from.  [default: HEAD]")
@click.option("--run", help="Name of the run; an earlier run's name goes on with it.")
@click.option("--fail-fast", is_flag=True, default=None, help="Start nothing further after the first failure.")
@click.option("--until", metavar="HOUR", help="When all is to be over: 07:00, or '07:00 Europe/Berlin'.")
@click.option("--rehearse", is_flag=True, help="Use a small shell agent in place of claude: costs no tokens.")
@click.option("--milestone", metavar="WHICH", help="Run a milestone's issues: its number, its title, or 'next due'.")
@click.option("--pull-request", is_flag=True, help="Open the run's pull request at GitHub afterwards.")
@click.option("--github", metavar="BLOCK", help="Prefect block with the credential.  [default: $GITHUB_TOKEN]")
def orchestrate(
    *, tasks: Path | None, milestone: str | None, pull_request: bool, github: str | None, **choices: Any
) -> ExitCode:
    """Run a DAG file, or a milestone's issues, whose run always has a pull request.

    Raises:
        BadInput: before anything was started.
        ServerError: no Prefect server could be found or started.
    """
    require_moment(choices["until"], name="--until", is_to_come=True)
    if milestone is None:
        return orchestrate_dag(_request(tasks=tasks, **choices), pull_request=pull_request, github=github)
    if tasks is not None:
        raise BadInput("--milestone and a DAG file exclude each other: the milestone's issues are the DAG")
    from flows.cli.milestone import orchestrate_milestone  # noqa: PLC0415 - githubkit takes its time

    return orchestrate_milestone(milestone=milestone, github=github, **choices)


def _request(*, strategy: str | None, fail_fast: bool | None, until: str | None, **choices: Any) -> RunRequest:
    return RunRequest(**choices, overrides={"runs": given(strategy=strategy, fail_fast=fail_fast, until=until)})


def orchestrate_dag(request: RunRequest, *, pull_request: bool = False, github: str | None = None) -> ExitCode:
    """Runs the flow for a DAG and shows it: SUCCEEDED where all did, FAILED where some did not, or INTERRUPTED.

    Raises:
        BadInput: before anything was started.
        ServerError: no Prefect server could be found or started.
    """
    start = asyncio.run(read_request(request))
    is_published = pull_request and not request.rehearse
    if is_published and github is None:
        GitHubLogin.of_environment(os.environ)
    _warn(start.dag, asyncio.run(submodules_of(start.repository, start.base)).warning)
    folder = RunFolder(start.repository.root, request.run or new_run_name(datetime.now(UTC), rehearse=request.rehearse))
    require_readable(folder)
    ui = make_ready(hosts_of(start.settings.machines))
    published = given(config=_absolute(request.config), github=github)
    if is_published:
        _require_publishable(folder.repository, **published)
    _warn_of_uncommitted(start, request)
    click.echo(
        f"run         {folder.run}\nbase        {start.base[:12]}\nmodel       {_models(start, folder, request)}"
    )
    click.echo(f"ui          {ui}")
    interruptible = InterruptibleFlow(lambda: folder, settings=start.settings)
    ran = _run(folder, _parameters(request, folder), interruptible, is_published=is_published)
    code = interruptible.leave(ran)
    if pull_request and request.rehearse:
        click.echo("home        a rehearsal opens no pull request")
    elif pull_request and code != ExitCode.INTERRUPTED:
        code = max(code, _open_pull_request(folder, published))
    return code


def _warn(dag: Dag, empty_submodules: str | None) -> None:
    for warning in (*dag.warnings, *([empty_submodules] if empty_submodules else [])):
        click.echo(f"warning: {warning}", err=True)
    for sentence in dag.not_scheduled:
        click.echo(sentence, err=True)


def _warn_of_uncommitted(start: RunStart, request: RunRequest) -> None:
    """Sessions see commits alone: what a person has in the checkout besides is as if it were not there."""
    root, tasks = start.repository.root, request.tasks.absolute() if request.tasks else None
    besides = str(tasks.relative_to(root)) if tasks and tasks.is_relative_to(root) else ""
    if start.is_new and (found := asyncio.run(start.repository.uncommitted(besides=besides))):
        what = f"your checkout has what is not committed, and no session sees: {several(found, most=3)}"
        click.echo(f"warning: {what}", err=True)


def _models(start: RunStart, folder: RunFolder, request: RunRequest) -> str:
    """Which model the sessions have: that of the settings, and how many tasks have another."""
    if request.rehearse or (not start.is_new and folder.info().rehearse):
        return "none: it is a rehearsal"
    others = Counter(node.model for node in start.dag.nodes if node.model)
    named = (f"{model} for {count(tasks, 'task')}" for model, tasks in others.most_common())
    return "; ".join([start.settings.sessions.model or "claude's own default", *named])


def _parameters(request: RunRequest, folder: RunFolder) -> dict[str, Any]:
    """Those of the flow: what the request says, with absolute paths, and the run's name."""
    return {
        **given(tasks=_absolute(request.tasks), config=_absolute(request.config), base=request.base),
        **request.overrides.get("runs", {}),
        "repository": folder.repository,
        "run": folder.run,
        "rehearse": request.rehearse,
        "retry": [*request.retry],
    }


def _require_publishable(root: Path, *, config: Path | None = None, github: str | None = None) -> None:
    """Checks that the pull request can be opened in the end, as far as that is known now.

    Raises:
        BadInput: it cannot.
    """
    from flows.parameters import link, log_in  # noqa: PLC0415 - Prefect is imported once its settings stand

    login, said = log_in(github)
    linked = asyncio.run(link(root, login=login, config=config, overrides=said))
    try:
        asyncio.run(linked.require_writable())
    except GitHubError as error:
        click.echo(f"warning: {error}", err=True)


def _open_pull_request(folder: RunFolder, parameters: dict[str, Any]) -> ExitCode:
    from flows.open_pull_request import open_pull_request  # noqa: PLC0415 - as above

    state: Any = open_pull_request(repository=folder.repository, run=folder.run, return_state=True, **parameters)
    click.echo(f"home        {state.message}", err=not state.is_completed())
    return ExitCode.SUCCEEDED if state.is_completed() else ExitCode.FAILED


def _run(
    folder: RunFolder, parameters: dict[str, Any], interruptible: InterruptibleFlow, *, is_published: bool
) -> ExitCode:
    from flows.run_dag import run_dag  # noqa: PLC0415 - Prefect is imported once its settings stand
    from tasks.notifications import end_held  # noqa: PLC0415 - as above
    from tasks.runner import BAD_INPUT, DISK_FULL  # noqa: PLC0415 - as above

    with end_held(folder) if is_published else nullcontext():  # it is told with the pull request
        state = interruptible.run(lambda: run_dag(**parameters, return_state=True))
    if state and state.name == BAD_INPUT:
        raise BadInput(state.message)
    code = show_end(folder, said=state.message if state else None, is_failed=bool(state and state.is_failed()))
    if state and not state.is_cancelled() and state.name != DISK_FULL:
        return code
    click.echo(f"to go on    miyabi orchestrate --run {folder.run}")
    is_cut_short = interruptible.is_interrupted or (state and state.is_cancelled())
    return ExitCode.INTERRUPTED if is_cut_short else ExitCode.FAILED


def _absolute(path: Path | None) -> Path | None:
    return path.absolute() if path else None
