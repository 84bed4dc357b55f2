"""`miyabi drain`: a machine takes no new session, and the command waits until those that it has are over."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import click

from flows.cli.exit_code import ExitCode
from flows.cli.options import config_option, repository_option
from flows.cli.taken_out import machine_of, take_out, until_option
from miyabi.machines import Host, Machine, opened_host
from miyabi.sessions import RemoteSession, SessionPaths, live_sessions
from miyabi.text import count, several

_LOOK_SECONDS = 1.0
_NOBODY_SECONDS = 15.0
"""So long an orchestrator may take to end its sessions; what lives on then has none."""
_GRACE_SECONDS = 10.0
_NAMED = 5


@click.command(help="Take a machine out and wait until its sessions have ended; or end them now.")
@click.argument("machine")
@click.option(
    "--now", is_flag=True, help="Tell its sessions to end; their work is collected, their tasks go elsewhere."
)
@until_option
@repository_option
@config_option
def drain(*, machine: str, now: bool, until: str | None, repository: Path, config: Path | None) -> ExitCode:
    """Exit code 0 once nothing lives there any more; Ctrl-C ends the wait, and the machine stays out.

    Raises:
        BadInput: no such machine, or `until` is no hour.
        ServerError: no Prefect server could be found or started.
        MachineError: it does not answer: what lives there is not known.
    """
    target = machine_of(machine, repository=repository, config=config, until=until)
    take_out(target, until=until, drains=True, now=now)
    for run in asyncio.run(_emptied(target, ends_now=now)):
        click.echo(f"to collect  miyabi orchestrate --run {run}")
    click.echo(f"{target.name}: is empty")
    return ExitCode.SUCCEEDED


async def _emptied(machine: Machine, *, ends_now: bool) -> list[str]:
    """Waits until no session lives there; returns the runs of those that no orchestrator has ended."""
    said, runs, begun = frozenset[str](), dict[str, None](), time.monotonic()
    async with opened_host(machine) as host:
        while live := await _living(host, machine):
            if frozenset(live) != said:
                said = frozenset(live)
                click.echo(f"{machine.name}: {count(len(live), 'session')} to end: {several(live, most=_NAMED)}")
            if ends_now and time.monotonic() - begun > _NOBODY_SECONDS:
                runs |= {SessionPaths.of(name).run: None for name in live}
                await asyncio.gather(*(_end(host, machine, name) for name in live))
            await asyncio.sleep(_LOOK_SECONDS)
    return list(runs)


async def _living(host: Host, machine: Machine) -> list[str]:
    return [name for name, _ in await live_sessions(host, workspace=machine.workspace)]


async def _end(host: Host, machine: Machine, name: str) -> None:
    await RemoteSession(host, name, workspace=machine.workspace).stop(grace_seconds=_GRACE_SECONDS)
