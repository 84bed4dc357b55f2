"""`miyabi init`: a configuration and a first DAG, from the machines that answer."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from flows.cli.exit_code import ExitCode
from flows.cli.options import PATH
from miyabi.errors import BadInput, MachineError
from miyabi.git import Repository
from miyabi.machines import Machine, opened_host, ssh_aliases
from miyabi.runs import check_machine
from miyabi.settings import CONFIG_FILE, Settings
from miyabi.system import files
from miyabi.text import count

_HERE = "local"
_SLOTS = 2
_TASKS = Path("tasks.json")
_CONFIG_TAIL = """
[sessions]
# model = "sonnet"              # without it: claude's own default
# setup = "npm ci"              # sets up each checkout before its first session
# check = "make test"           # must pass in the checkout after each session
timeout_minutes = 30
"""
_FIRST_TASKS = Path(__file__).with_name("first_tasks.json")


@click.command(help="Write .miyabi/config.toml and a first tasks.json, from machines that can take sessions.")
@click.option("-C", "--repository", type=PATH, default=Path(), show_default="this folder", help="The git repository.")
@click.option(
    "--machine",
    "named",
    multiple=True,
    metavar="HOST[:SLOTS]",
    help="A machine: an address, an alias of ~/.ssh/config, or 'local'. May be repeated.  [default: asks]",
)
@click.option("--yes", is_flag=True, help="Ask nothing: this computer where no machine is named, and each as it is.")
@click.option("--rehearse", is_flag=True, help="Do not ask the machines for claude.")
def init(*, repository: Path, named: tuple[str, ...], yes: bool, rehearse: bool) -> ExitCode:
    """Choose machines, ask each whether it can take sessions, and write the two files. Overwrites nothing.

    Exit code 1 where a machine that was named cannot take sessions: without `yes` nothing is written then.

    Raises:
        BadInput: no repository, no such machine, or nobody to ask.
    """
    root = asyncio.run(Repository.open(repository)).root
    config, tasks = root / CONFIG_FILE, root / _TASKS
    if config.exists():
        click.echo(f"kept        {config} is there already")
        _write_tasks(tasks)
        return ExitCode.SUCCEEDED
    machines = [_machine(each) for each in named or _chosen(is_asked=not yes)]
    if doubles := {m.name for m in machines if [o.name for o in machines].count(m.name) > 1}:
        raise BadInput(f"--machine: {min(doubles)} is named twice; give it all of its slots at once")
    faults = asyncio.run(_faults(machines, root=root, rehearse=rehearse))
    for machine, fault in zip(machines, faults, strict=True):
        click.echo(f"FAIL  {fault}" if fault else f"ok    {machine.name}: {count(machine.slots, 'slot')}")
    if any(faults) and not yes:
        machines = _without(machines, faults)
    if not machines:
        return ExitCode.FAILED
    _write_config(config, machines, root=root)
    _write_tasks(tasks)
    for line in _what_next(rehearse=rehearse):
        click.echo(line)
    return ExitCode.FAILED if any(faults) and yes else ExitCode.SUCCEEDED


def _machine(text: str) -> Machine:
    """The machine that HOST:SLOTS means, or USER@HOST:SLOTS.

    Raises:
        BadInput: it means none.
    """
    host, _, slots = text.rpartition(":") if text.rpartition(":")[2].isdecimal() else (text, "", str(_SLOTS))
    user, _, address = host.rpartition("@")
    name = address.partition(".")[0] if not address.replace(".", "").isdecimal() else address
    values = {"name": name, "slots": int(slots), "ssh": {"user": user} if user else {}}
    try:
        return Machine.model_validate(values if address == _HERE else {**values, "host": address})
    except ValueError:
        raise BadInput(
            f"--machine {text}: wanted is HOST:SLOTS, such as mini1.local:3, runner@mini1:3 or {_HERE}:2. The name has "
            f"letters, digits, '.', '_' and '-', and there are 1 to 256 slots."
        ) from None


def _chosen(*, is_asked: bool) -> Sequence[str]:
    """What a person chooses of this computer and the hosts of the SSH configuration.

    Raises:
        BadInput: there is nobody to ask.
    """
    if not is_asked:
        return [f"{_HERE}:{_SLOTS}"]
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise BadInput("init asks which machines to use: call it in a terminal, or say --machine HOST:SLOTS or --yes")
    aliases = asyncio.run(ssh_aliases())
    names = [_HERE, *(alias.name for alias in aliases)]
    click.echo("Machines for sessions:")
    for number, words in enumerate(["this computer", *(alias.words for alias in aliases)], 1):
        click.echo(f"  {number}  {words}")
    return [f"{names[at - 1]}:{_ask_slots(names[at - 1])}" for at in _numbers(len(names))]


def _numbers(most: int) -> list[int]:
    """The numbers that the person gives; asked again until they are good."""
    while True:
        words = click.prompt("Which ones? Numbers, with commas between them", default="1").replace(",", " ").split()
        wrong = [word for word in words if not word.isdecimal() or not 1 <= int(word) <= most]
        if words and not wrong:
            return list(dict.fromkeys(map(int, words)))
        click.echo(f"{', '.join(wrong) or 'nothing'}: numbers from 1 to {most} are wanted")


def _ask_slots(name: str) -> int:
    return int(click.prompt(f"How many sessions at once on {name}?", default=_SLOTS, type=click.IntRange(1, 256)))


async def _faults(machines: Sequence[Machine], *, root: Path, rehearse: bool) -> list[MachineError | None]:
    settings = Settings.load(root, machines=tuple(machines))
    return await asyncio.gather(*(_fault(machine, settings, rehearse=rehearse) for machine in machines))


async def _fault(machine: Machine, settings: Settings, *, rehearse: bool) -> MachineError | None:
    """Why a machine cannot take sessions."""
    try:
        async with opened_host(machine) as host:
            await check_machine(machine, host, settings, rehearse=rehearse)
    except MachineError as error:
        return error
    return None


def _without(machines: Sequence[Machine], faults: Sequence[MachineError | None]) -> list[Machine]:
    """The machines that can take sessions; none where the others were asked for and nobody says to go on."""
    fit = [machine for machine, fault in zip(machines, faults, strict=True) if not fault]
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if (
        fit
        and is_terminal
        and click.confirm("Leave out what cannot take sessions, and write the others?", default=True)
    ):
        return fit
    click.echo("nothing written. Mend it and try again, or write it as it is: --yes", err=True)
    return []


def _write_config(file: Path, machines: Sequence[Machine], *, root: Path) -> None:
    """Writes the configuration, and reads it again as a run would."""
    head = "# Fleet and sessions of Water Spider: README.md there says more, examples/config.toml has every setting.\n"
    _write(file, head + "".join(map(_table, machines)) + _CONFIG_TAIL)
    Settings.load(root)
    click.echo(f"wrote       {file}")


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(exist_ok=True)
        files.atomic_write(file, text)
    except OSError as error:
        raise BadInput(f"{file}: cannot be written: {error.strerror}. Is the repository writable?") from None


def _table(machine: Machine) -> str:
    return "\n[[machines]]\n" + "".join(f"{line}\n" for line in _lines(machine))


def _lines(machine: Machine) -> Iterator[str]:
    yield f"name = {json.dumps(machine.name)}"
    if machine.host:
        yield f"host = {json.dumps(machine.host)}"
    yield f"slots = {machine.slots}"
    if machine.ssh.user:
        yield f"ssh = {{ user = {json.dumps(machine.ssh.user)} }}"


def _write_tasks(file: Path) -> None:
    if file.exists():
        click.echo(f"kept        {file} is there already")
        return
    _write(file, _FIRST_TASKS.read_text(encoding="utf-8"))
    click.echo(f"wrote       {file}: three tasks that suit any repository; put your own in their place")


def _what_next(*, rehearse: bool) -> Iterator[str]:
    yield "next        miyabi schedule tasks.json"
    yield "            miyabi orchestrate tasks.json --rehearse"
    if not rehearse:
        yield "            miyabi orchestrate tasks.json"
