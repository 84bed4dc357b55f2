"""`miyabi uncordon`: a machine that was taken out takes sessions again."""

from __future__ import annotations

from pathlib import Path

import click

from flows.cli.exit_code import ExitCode
from flows.cli.options import config_option, repository_option
from flows.cli.taken_out import give_back, machine_of


@click.command(help="Have a machine back that was taken out.")
@click.argument("machine")
@repository_option
@config_option
def uncordon(*, machine: str, repository: Path, config: Path | None) -> ExitCode:
    """Runs heed it within 5 s. Exit code 1 where the machine could not be told.

    Raises:
        BadInput: no such machine.
        ServerError: no Prefect server could be found or started.
    """
    is_told = give_back(machine_of(machine, repository=repository, config=config))
    return ExitCode.SUCCEEDED if is_told else ExitCode.FAILED
