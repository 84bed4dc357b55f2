"""`miyabi server`: the local Prefect server, which outlives the command that started it."""

from __future__ import annotations

import click

from flows.cli.installed import schedule_fault
from flows.cli.local_server import ensure_server, find_server, stop_server
from miyabi.system import miyabi_home


@click.command(help="Start, look at or stop the local Prefect server.")
@click.argument("action", type=click.Choice(["start", "status", "stop"]))
def server(action: str) -> None:
    """Start, show or stop the server of this home. Raises ServerError where it does not start."""
    home = miyabi_home()
    if action == "start":
        click.echo(f"running at {ensure_server(home).ui_url}")
        if fault := schedule_fault():
            click.echo(f"warning: {fault}", err=True)
    elif action == "stop":
        click.echo("stopped" if stop_server(home) else "not running")
    else:
        found = find_server(home)
        click.echo(f"running at {found.ui_url}" if found else "not running")
