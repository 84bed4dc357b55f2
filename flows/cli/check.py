"""`miyabi check`: whether each machine can take sessions and get through a night, and if not, why and what to do."""

from __future__ import annotations

import asyncio
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from flows.cli.exit_code import ExitCode
from flows.cli.installed import schedule_fault
from flows.cli.json_output import json_options
from flows.cli.options import config_option, repository_option
from flows.cli.prepare import hosts_of, reach_server
from flows.cli.proxies import exempt_from_proxies
from miyabi.doctor import (
    CheckedFleet,
    CheckedMachine,
    HealthFinding,
    Patient,
    Severity,
    ask_facts,
    clashing_paths,
    examine,
    findings_of_refusal,
    fleet_finding,
    not_examined,
)
from miyabi.errors import BaseMissing, MachineError, ServerError
from miyabi.git import Repository, filters, missing_lfs_objects
from miyabi.machines import Host, Machine, opened_host
from miyabi.runs import MachineReport, RunFolder, check_machine, differing_versions, open_repository, require_copies
from miyabi.settings import CONFIG_FILE, Settings
from miyabi.text import count

_WIDTH = 80
_MARGIN = "      "


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What is known here before a machine is asked."""

    settings: Settings
    rehearse: bool
    filters: Sequence[str]
    clashes: tuple[str, ...]
    runs: frozenset[str]
    out: Mapping[str, MachineError]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What was found of one machine, and how that is said."""

    health: CheckedMachine
    line: str
    """What stands behind `ok` or `FAIL`; where the machine takes no session, what its first finding says."""
    is_refused: bool = False

    @property
    def unsaid(self) -> Sequence[HealthFinding]:
        """The findings but for the one that `line` is."""
        return self.health.findings[1:] if self.is_refused else self.health.findings


@click.command(help="Ask every machine whether it can take sessions, and what will trouble it at night.")
@repository_option
@config_option
@click.option("--rehearse", is_flag=True, help="Do not ask for claude.")
@click.option("--strict", is_flag=True, help="Exit with 1 for a warning, too.")
@json_options(CheckedFleet)
def check(*, repository: Path, config: Path | None, rehearse: bool, strict: bool, as_json: bool) -> ExitCode:
    """Exit code 0 where every machine can take sessions, else 1; with `strict` 1 for a warning as well."""
    opened, settings = asyncio.run(open_repository(repository, config=config))
    known, warnings = _known_here(opened, settings, file=config or opened.root / CONFIG_FILE, rehearse=rehearse)
    asked = asyncio.run(_ask_all(known))
    reports = [report for report, _ in asked if report]
    warnings += [("filter", sentence) for report in reports for sentence in report.lacks]
    warnings += [] if rehearse else [("claude-skew", sentence) for sentence in differing_versions(reports)]
    health = CheckedFleet(
        fit=all(diagnosis.health.fit for _, diagnosis in asked),
        machines=tuple(diagnosis.health for _, diagnosis in asked),
        fleet=tuple(fleet_finding(own, sentence) for own, sentence in warnings),
    )
    for _, sentence in warnings:
        click.echo(f"warning: {sentence}", err=True)
    click.echo(health.to_json() if as_json else as_text([diagnosis for _, diagnosis in asked]))
    return ExitCode.SUCCEEDED if health.fit and not (strict and health.is_warned) else ExitCode.FAILED


def _known_here(
    opened: Repository, settings: Settings, *, file: Path, rehearse: bool
) -> tuple[_Known, list[tuple[str, str]]]:
    """What is known before machines are asked; and warnings of the fleet as a whole, each behind its id."""
    needed, clashes, lacking = asyncio.run(_of_the_base(opened, settings))
    unmatched = asyncio.run(require_copies(opened, settings, file=file))
    out, away = _taken_out(settings)
    at_rest = frozenset(run.run for run in RunFolder.all(opened.root) if not run.is_being_worked_on)
    warnings = [("schedule", schedule_fault() or ""), *(("lfs-objects", each) for each in lacking)]
    warnings += [*(("copy-files", each) for each in unmatched), ("server", away)]
    known = _Known(settings=settings, rehearse=rehearse, filters=needed, clashes=clashes, runs=at_rest, out=out)
    return known, [(own, sentence) for own, sentence in warnings if sentence]


async def _of_the_base(
    repository: Repository, settings: Settings
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Filters that the base's files need, paths of it that clash; a sentence where LFS objects of it are not here."""
    try:
        base = await repository.resolve(settings.runs.base)
    except BaseMissing:  # a run says it, which may have another one
        return (), (), ()
    needed = await filters.needed(repository.git, base)
    listed = await repository.git.ask("ls-tree", "-r", "-z", "--full-tree", "--name-only", base)
    lacking = await missing_lfs_objects(repository, base) if filters.LFS in needed else ()
    return needed, clashing_paths(listed.text.split("\0")), lacking


def _taken_out(settings: Settings) -> tuple[dict[str, MachineError], str]:
    """By name: why an operator lets machines take nothing in Prefect, none without a server; why that is not known."""
    exempt_from_proxies(hosts_of(settings.machines))
    try:
        if not reach_server():
            return {}, ""
        from tasks.concurrency import machines_taken_out  # noqa: PLC0415 - Prefect is imported once its settings stand

        return {error.machine: error for error in asyncio.run(machines_taken_out(settings.machines))}, ""
    except ServerError as error:
        return {}, str(error)


_Asked = tuple[MachineReport | None, Diagnosis]


async def _ask_all(known: _Known) -> list[_Asked]:
    return await asyncio.gather(*(_ask(machine, known) for machine in known.settings.machines))


async def _ask(machine: Machine, known: _Known) -> _Asked:
    if error := known.out.get(machine.name):
        return _refused(machine, error, findings_of_refusal(error, taken_out=True))
    try:
        async with opened_host(machine) as host:
            fit, patient = await asyncio.gather(_fit(machine, host, known), _examined(machine, host, known))
    except MachineError as error:  # as it is closed
        return _refused(machine, error, findings_of_refusal(error))
    if isinstance(fit, MachineError):
        found = [] if isinstance(patient, MachineError) else examine(patient)
        return _refused(machine, fit, [*findings_of_refusal(fit), *found])
    found = [not_examined(patient)] if isinstance(patient, MachineError) else examine(_with_report(patient, fit))
    return fit, Diagnosis(health=CheckedMachine.of(machine, fit, tuple(found)), line=_line(machine, fit))


def _refused(machine: Machine, error: MachineError, found: list[HealthFinding]) -> _Asked:
    return None, Diagnosis(health=CheckedMachine.of(machine, None, tuple(found)), line=str(error), is_refused=True)


async def _fit(machine: Machine, host: Host, known: _Known) -> MachineReport | MachineError:
    try:
        return await check_machine(machine, host, known.settings, rehearse=known.rehearse, filters=known.filters)
    except MachineError as error:
        return error


async def _examined(machine: Machine, host: Host, known: _Known) -> Patient | MachineError:
    sessions = known.settings.of_account(machine.logins[0]).sessions
    token_file = None if known.rehearse else sessions.oauth_token_file
    try:
        facts, sent, answered = await ask_facts(machine, host, environment=sessions.environment, token_file=token_file)
    except MachineError as error:
        return error
    return Patient(
        machine=machine,
        facts=facts,
        sent=sent,
        answered=answered,
        token_file=token_file,
        needs_login=not known.rehearse,
        configured=frozenset((*sessions.environment, *machine.environment, *machine.inherit_environment)),
        runs=known.runs,
        clashes=known.clashes,
    )


def _with_report(patient: Patient, report: MachineReport) -> Patient:
    return replace(patient, claude=report.claude if patient.needs_login else "", login_ends=report.login_ends)


def _line(machine: Machine, fit: MachineReport) -> str:
    free = "free space unknown" if fit.free_mib is None else f"{fit.free_mib / 1024:.0f} GiB free"
    slots = count(machine.slots, "slot")
    return f"{machine.name}: {slots}, {fit.system}, git {fit.git}, claude {fit.claude}, {free}"


def as_text(diagnoses: Sequence[Diagnosis]) -> str:
    """Makes a line a machine, and what was found below it, for 80 columns; what mends it is never wrapped."""
    shown = [line for each in diagnoses for line in _lines(each)]
    severities = Counter(finding.severity for each in diagnoses for finding in each.unsaid)
    if severities:
        shown += ["", f"{', '.join(count(severities[each], each) for each in Severity if severities[each])}."]
    return "\n".join(shown)


def _lines(diagnosis: Diagnosis) -> Iterator[str]:
    yield f"{'ok  ' if diagnosis.health.fit else 'FAIL'}  {diagnosis.line}"
    for finding in diagnosis.unsaid:
        yield from _wrapped(f"{finding.severity} {finding.id}: {finding.what}", indent="    ")
        yield from _wrapped(finding.why, indent=_MARGIN)
        yield f"{_MARGIN}{finding.mend}"


def _wrapped(text: str, *, indent: str) -> list[str]:
    below = indent if indent == _MARGIN else _MARGIN
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=below,
        break_long_words=False,
        break_on_hyphens=False,
    )
