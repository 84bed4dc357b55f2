"""`miyabi cordon`: a machine takes no new session, whoever would start it."""

from __future__ import annotations

from pathlib import Path

import click

from flows.cli.exit_code import ExitCode
from flows.cli.options import config_option, repository_option
from flows.cli.taken_out import machine_of, take_out, until_option


@click.command(help="Take a machine out: it takes no new session, for every orchestrator, until it is uncordoned.")
@click.argument("machine")
@until_option
@repository_option
@config_option
def cordon(*, machine: str, until: str | None, repository: Path, config: Path | None) -> ExitCode:
    """Runs heed it within 5 s; what runs there goes on. Exit code 1 where the machine could not be told.

    Raises:
        BadInput: no such machine, or `until` is no hour.
        ServerError: no Prefect server could be found or started.
    """
    target = machine_of(machine, repository=repository, config=config, until=until)
    is_told = take_out(target, until=until)
    return ExitCode.SUCCEEDED if is_told else ExitCode.FAILED
