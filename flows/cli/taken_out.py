"""What `cordon`, `drain` and `uncordon` share: a machine is taken out on the Prefect server, and on the machine."""

from __future__ import annotations

import asyncio
import getpass
import os
import time
from pathlib import Path

import click

from flows.cli.prepare import hosts_of, make_ready
from miyabi.errors import BadInput, MachineError
from miyabi.machines import Cordon, Machine, opened_host, tell_machine
from miyabi.runs import settings_at
from miyabi.settings import require_moment
from miyabi.system import next_moment
from miyabi.text import did_you_mean, quote

until_option = click.option(
    "--until", metavar="HOUR", help="When it ends by itself: 07:00, or '07:00 Europe/Berlin'.  [default: never]"
)


def machine_of(name: str, *, repository: Path, config: Path | None, until: str | None = None) -> Machine:
    """Finds a machine of the configuration by its name, and has Prefect use the server that its cordon is kept on.

    Raises:
        BadInput: no such folder, configuration or machine; or `until` is no hour, or is over.
        ServerError: no Prefect server could be found or started.
    """
    _, settings = asyncio.run(settings_at(repository, config=config))
    known = {machine.name: machine for machine in settings.machines}
    if name not in known:
        raise BadInput(f"there is no machine {quote(name)} in the configuration{did_you_mean(name, known)}")
    require_moment(until, name="--until", is_to_come=True)
    make_ready(hosts_of(settings.machines))
    return known[name]


def take_out(machine: Machine, *, until: str | None, drains: bool = False, now: bool = False) -> bool:
    """Keeps on the server that the machine takes no session, tells the machine, and prints both.

    Returns:
        Whether the machine could be told.

    Raises:
        ServerError: the server refuses, or does not answer.
    """
    since = time.time()
    ends = next_moment(until, now=since) if until else None
    cordon = Cordon(machine=machine.name, drains=drains, now=now, since=since, until=ends, by=_caller())
    asyncio.run(_keep(cordon))
    click.echo(f"{machine.name}: {cordon.words(since)}")
    return _is_told(machine, cordon)


def give_back(machine: Machine) -> bool:
    """Has the machine back, on the server and on the machine itself; returns whether that could be told.

    Raises:
        ServerError: the server refuses, or does not answer.
    """
    asyncio.run(_lift(machine.name))
    click.echo(f"{machine.name}: takes sessions")
    return _is_told(machine, None)


def _caller() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # as in a container, whose user has no name
        user = str(os.getuid())
    return f"{user}@{os.uname().nodename.partition('.')[0]}"


def _is_told(machine: Machine, cordon: Cordon | None) -> bool:
    try:
        asyncio.run(_tell(machine, cordon))
    except MachineError as error:
        others = "orchestrators of other Prefect servers know nothing of it; those of this one do"
        click.echo(f"warning: {error}. Say it again when it answers: until then {others}.", err=True)
        return False
    return True


async def _tell(machine: Machine, cordon: Cordon | None) -> None:
    async with opened_host(machine) as host:
        await tell_machine(machine, host, cordon, now=time.time())


async def _keep(cordon: Cordon) -> None:
    from tasks.concurrency import cordon_store  # noqa: PLC0415 - Prefect is imported once its settings stand

    async with cordon_store() as store:
        await store.set(cordon)


async def _lift(machine: str) -> None:
    from tasks.concurrency import cordon_store  # noqa: PLC0415 - as above

    async with cordon_store() as store:
        await store.lift(machine)
