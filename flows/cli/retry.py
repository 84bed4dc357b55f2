"""`miyabi retry`: what did not succeed in a run is tried again."""

from __future__ import annotations

from pathlib import Path

import click

from flows.cli.by_hand import folder_of
from flows.cli.completing import complete_task
from flows.cli.exit_code import ExitCode
from flows.cli.options import config_option, repository_option, run_argument
from flows.cli.orchestrate import orchestrate_dag
from miyabi.dag import Dag
from miyabi.runs import RunRequest


@click.command(help="Try again what did not succeed in a run: those tasks, or all, and what waited for them.")
@run_argument
@click.argument("tasks", nargs=-1, shell_complete=complete_task)
@repository_option
@config_option
@click.option("--pull-request", is_flag=True, help="Open the run's pull request at GitHub afterwards.")
@click.option("--github", metavar="BLOCK", help="Prefect block with the credential.  [default: $GITHUB_TOKEN]")
def retry(
    *,
    run: str,
    tasks: tuple[str, ...],
    repository: Path,
    config: Path | None,
    pull_request: bool,
    github: str | None,
) -> ExitCode:
    """Go on with a run that is over; exit codes as `orchestrate`.

    Each task is tried in a new attempt, in a new conversation, or in that one which was stopped or gone on with by
    hand. Without tasks it is all that did not succeed.

    Raises:
        BadInput: no such run or task, one that succeeded or builds on another that did not; or the run is worked on.
        ServerError: no Prefect server could be found or started.
    """
    folder = folder_of(repository, run, config=config)
    folder.require_rest()
    done = {task for task, result in folder.latest_results().items() if result.succeeded}
    if not tasks and done.issuperset(Dag.load(folder.dag_file).by_id):
        click.echo(f"run {run}: every task succeeded, there is nothing to try again")
        return ExitCode.SUCCEEDED
    request = RunRequest(tasks=None, repository=repository, run=run, config=config, retry=tasks)
    return orchestrate_dag(request, pull_request=pull_request, github=github)
