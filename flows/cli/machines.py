"""`miyabi machines`: how it stands with each machine, asked of all of them at once."""

from __future__ import annotations

import asyncio
import textwrap
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console

from flows.cli.exit_code import ExitCode
from flows.cli.json_output import json_options
from flows.cli.options import config_option, repository_option
from flows.cli.prepare import hosts_of, reach_server
from flows.cli.proxies import exempt_from_proxies
from miyabi.errors import MachineError, ServerError
from miyabi.machines import Cordon, Machine, opened_host
from miyabi.runs import LastSeen, MachineFacts, Seen, ask_machine, settings_at
from miyabi.settings import Settings
from miyabi.text import count, time_of_day
from miyabi.views import Machines, MachineView

_PATIENCE_SECONDS = 25.0
"""Longer than a command there may take: so long a machine may take in all, however it hangs."""
_INDENT = " " * 4


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing:
    """What is known of a machine."""

    machine: Machine
    facts: MachineFacts | MachineError
    seen: Seen
    cordon: Cordon | None
    taken_out: MachineError | None

    def state(self, now: float) -> str:
        """Says whether it takes sessions, and if not why and until when."""
        if isinstance(self.facts, MachineError):
            since = f" since {time_of_day(self.seen.away_since, now=now)}" if self.seen.away_since else ""
            return f"away{since}"
        if self.taken_out:
            return "excluded: its limit in Prefect is 0"
        if self.cordon and self.cordon.holds(now):
            drains = ("draining: " if self.facts.sessions else "empty: ") if self.cordon.drains else ""
            return f"{drains}{self.cordon.words(now)}"
        if self.facts.cordon and (self.facts.cordon_until is None or now < self.facts.cordon_until):
            return f"{self.facts.cordon}, as only the machine says: miyabi uncordon {self.machine.name}"
        window = self.machine.window(now)
        if window and window.opens > now:
            return f"outside its active hours until {time_of_day(window.opens, now=now)}"
        return "in use" if self.facts.sessions else "idle"

    def view(self, now: float) -> MachineView:
        """Returns the same as a value for scripts."""
        return MachineView.of(
            self.machine, self.facts, state=self.state(now), seen=self.seen, cordon=self.cordon, now=now
        )


@click.command(help="Say how it stands with each machine: slots, state, versions, login, disk, memory, load.")
@repository_option
@config_option
@json_options(Machines)
def machines(*, repository: Path, config: Path | None, as_json: bool) -> ExitCode:
    """Exit code 1 where a machine does not answer.

    Raises:
        BadInput: no such folder or configuration, or the repository cannot be used; none need be there.
    """
    _, settings = asyncio.run(settings_at(repository, config=config))
    cordons, out = _known_in_prefect(settings)
    answers = asyncio.run(_ask_all(settings))
    now = time.time()
    are_there = {name: not isinstance(answer, MachineError) for name, answer in answers.items()}
    seen = LastSeen().note(are_there, now=now)
    standings = [
        _Standing(
            machine=m, facts=answers[m.name], seen=seen[m.name], cordon=cordons.get(m.name), taken_out=out.get(m.name)
        )
        for m in settings.machines
    ]
    if as_json:
        click.echo(Machines(machines=tuple(each.view(now) for each in standings)).to_json())
    else:
        _show(standings, now)
    return ExitCode.SUCCEEDED if all(are_there.values()) else ExitCode.FAILED


def _known_in_prefect(settings: Settings) -> tuple[Mapping[str, Cordon], Mapping[str, MachineError]]:
    """The cordons, and the machines that were taken out in Prefect's page; without a server there are none."""
    exempt_from_proxies(hosts_of(settings.machines))
    try:
        if not reach_server():
            return {}, {}
        from tasks.concurrency import cordon_store, machines_taken_out  # noqa: PLC0415 - once Prefect's settings stand

        async def ask() -> tuple[Mapping[str, Cordon], Mapping[str, MachineError]]:
            async with cordon_store() as store:
                found = await store.read([machine.name for machine in settings.machines])
            return found, {error.machine: error for error in await machines_taken_out(settings.machines)}

        return asyncio.run(ask())
    except ServerError as error:
        click.echo(f"warning: {error}", err=True)
        return {}, {}


async def _ask_all(settings: Settings) -> dict[str, MachineFacts | MachineError]:
    answers = await asyncio.gather(*(_ask(machine, settings) for machine in settings.machines))
    return {machine.name: answer for machine, answer in zip(settings.machines, answers, strict=True)}


async def _ask(machine: Machine, settings: Settings) -> MachineFacts | MachineError:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS), opened_host(machine) as host:
            return await ask_machine(machine, host, settings)
    except TimeoutError:
        return MachineError(f"{machine.name}: no answer within {_PATIENCE_SECONDS:g} s", machine=machine.name)
    except MachineError as error:
        return error


def _show(standings: list[_Standing], now: float) -> None:
    width = max(40, Console().width)
    for each in standings:
        facts, machine = each.facts, each.machine
        used = "?" if isinstance(facts, MachineError) else str(len(facts.sessions))
        _print(f"{machine.name}  {used} of {count(machine.slots, 'slot')}  {each.state(now)}", width=width, indent="")
        if isinstance(facts, MachineError):
            last = f"; last seen {time_of_day(each.seen.last, now=now)}" if each.seen.last else ""
            _print(f"{facts}{last}", width=width)
        else:
            _print(_software(facts), width=width)
            _print(f"{_room(facts)}; seen {time_of_day(now, now=now)}", width=width)


def _print(text: str, *, width: int, indent: str = _INDENT) -> None:
    lines = textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=_INDENT, break_on_hyphens=False)
    click.echo("\n".join(lines))


def _software(facts: MachineFacts) -> str:
    tools = [f"{name} {found}" if found else f"no {name}" for name, found in (("git", facts.git), ("perl", facts.perl))]
    login = f"logged in: {facts.login}" if facts.login else "not logged in"
    claude = f"claude {facts.claude}, {login}" if facts.claude else "no claude"
    return ", ".join([facts.system, *tools, claude])


def _room(facts: MachineFacts) -> str:
    disk, memory = (_gib(each) for each in (facts.free_mib, facts.memory_mib))
    load = "unknown" if facts.load is None else f"{facts.load:g}"
    cores = f" on {count(facts.cores, 'core')}" if facts.cores else ""
    return f"free: disk {disk}, memory {memory}; load {load}{cores}"


def _gib(mebibytes: int | None) -> str:
    return "unknown" if mebibytes is None else f"{mebibytes / 1024:.1f} GiB"
