"""Whether machines can take sessions, each asked in one command before any task is sent there."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from miyabi.claude import (
    BAD_TOKEN_FILE,
    CLAUDE,
    PATH_MISSING,
    inherited_environment,
    need_paths,
    session_prelude,
)
from miyabi.errors import MachineError, MachineNotReady
from miyabi.git import LFS, missing_lfs_objects
from miyabi.git import needed as needed_filters
from miyabi.machines import Host, Machine, quote_word
from miyabi.runs.run import Run
from miyabi.runs.start import require_free_name
from miyabi.settings import Settings
from miyabi.text import last_message, several, version_numbers

MINIMUM_GIT = (2, 20)
MINIMUM_FREE_MIB = 200
_NAMED = 5
_ENTERS = re.compile(r"\s*cd\s+[^\s;&|]+\s*&&")
_ASSIGNS = re.compile(r"[A-Za-z_]\w*=[^'\"$`]*$")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][\w.+-]*")
_PROBE = r"""
say() { printf '%s=%s\n' "$1" "$2"; }
say perl "$(perl -e 'print $]' 2>/dev/null)"
say git "$(git --version 2>/dev/null)"
mkdir -p "$1" 2>/dev/null; say writable "$(test -d "$1" && test -w "$1" && echo yes)"
say free_kib "$(df -Pk "$1" 2>/dev/null | sed -n 's/^.* \([0-9][0-9]*\)  *[0-9]*% .*$/\1/p')"
say system "$(uname -sm)"
"""
# For each filter: what runs it, and whether that is there; where it is looked for as in a session.
_PROBE_FILTERS = r"""
PATH=$PATH:/opt/homebrew/bin:/usr/local/bin:$HOME/.local/bin
shift
for f; do
  [ "$f" != lfs ] || { say filter.lfs "$(git lfs version 2>/dev/null)"; continue; }
  c=$(git config --get "filter.$f.process" || git config --get "filter.$f.smudge" || git config --get "filter.$f.clean")
  p=${c#\"} p=${p%%[\" ]*}
  say "filter.$f" "$(command -v "$p" 2>/dev/null)"
done
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineReport:
    """What a usable machine said of itself."""

    machine: str
    system: str
    git: str
    claude: str
    free_mib: int | None  # None where df speaks another language than POSIX
    lacks: tuple[str, ...] = ()  # what a session can do without, a sentence each
    login_ends: str = ""  # as `claude auth status` says it, in ISO 8601; empty where it does not


async def preflight(live: Run) -> tuple[MachineError, ...]:
    """Asks every machine at the same time whether it can take sessions. Those that cannot take no part.

    What sessions will lack, but can do without, is noted on the board and in the report.

    Returns:
        Why some cannot, in the order of the configuration.

    Raises:
        BadInput: none can; one line, or where there were several machines one line each. Or one has sessions that are
            another run's of this name. Or the base needs git-lfs, which is not here.
        GitFailed: git could not read the base.
    """
    machines, needed = live.fleet(), await needed_filters(live.repository.git, live.base)
    answers = await asyncio.gather(*(_ask(live, machine, needed) for machine in machines))
    reports = [answer for answer in answers if isinstance(answer, MachineReport)]
    lacks = [sentence for report in reports for sentence in report.lacks]
    lacks += [] if live.rehearse else differing_versions(reports)
    if LFS in needed:
        lacks += await missing_lfs_objects(live.repository, live.base)
    for sentence in lacks:
        live.warn(sentence)
    live.board.note = " ".join(lacks)
    unfit = {m.name: a for m, a in zip(machines, answers, strict=True) if isinstance(a, MachineError)}
    live.leave_out(unfit)
    return tuple(unfit.values())


def differing_versions(reports: Sequence[MachineReport]) -> list[str]:
    """Returns a sentence where machines have different versions of Claude Code, none elsewhere."""
    by_version: dict[str, list[str]] = {}
    for report in sorted(reports, key=lambda each: version_numbers(each.claude), reverse=True):
        by_version.setdefault(report.claude, []).append(report.machine)
    if len(by_version) <= 1:
        return []
    said = "; ".join(f"{version} on {several(names, most=_NAMED)}" for version, names in by_version.items())
    return [f"the machines have different versions of Claude Code: {said}. Update the older ones there: claude update."]


async def _ask(live: Run, machine: Machine, needed: Sequence[str]) -> MachineReport | MachineError:
    host, settings = live.host(machine), live.settings
    try:
        report = await check_machine(machine, host, settings, rehearse=live.rehearse, filters=needed)
        await require_free_name(live, machine)
    except MachineError as error:
        return error
    return report


async def check_machine(
    machine: Machine, host: Host, settings: Settings, *, rehearse: bool, filters: Sequence[str] = ()
) -> MachineReport:
    """Asks the machine what it has, and whether that is all that a session needs.

    Args:
        machine: which one.
        host: the same, reached.
        settings: those of the run.
        rehearse: whether claude is not needed.
        filters: names of the filters that the repository's files pass through, as `filters.needed` has them.

    Raises:
        MachineError: unreachable, refused, or MachineNotReady naming what is missing and how to get it.
    """
    facts = await _facts(machine, host, filters)
    _require(machine, facts)
    await _require_tools(machine, host, settings)
    version, login_ends = ("rehearsal", "") if rehearse else await _ask_all(machine, host, settings)
    return MachineReport(
        machine=machine.name,
        system=facts["system"],
        git=facts["git"].removeprefix("git version "),
        claude=version,
        free_mib=_free_mib(facts),
        lacks=tuple(_lacking(name, machine) for name in filters if not facts.get(f"filter.{name}")),
        login_ends=login_ends,
    )


def _lacking(name: str, machine: Machine) -> str:
    return (
        f"{machine.name}: git has no filter {name!r} there, or not its program, and the repository requires it: "
        f"sessions see such files as they are stored, and commit new ones as they are. "
        f"If they need it, install it there and set filter.{name}.clean and .smudge in ~/.gitconfig."
    )


async def _facts(machine: Machine, host: Host, filters: Sequence[str]) -> dict[str, str]:
    probe = _PROBE + (_PROBE_FILTERS if filters else "")
    answer = await host.run(["/bin/sh", "-s", "--", machine.workspace, *filters], stdin=probe.encode())
    lines = answer.stdout.decode(errors="replace").splitlines()
    facts = dict(line.split("=", 1) for line in lines if "=" in line)
    if "system" not in facts:
        said = answer.stderr.decode(errors="replace").strip()[-300:] or f"exit status {answer.exit_status}"
        raise _not_ready(machine, f"its shell did not run our check: {said}", "Can this user run /bin/sh there?")
    return facts


def _require(machine: Machine, facts: dict[str, str]) -> None:
    if not facts["perl"]:
        raise _not_ready(machine, "perl is missing", "Install perl there (macOS ships it).")
    if not facts["git"]:
        raise _not_ready(machine, "git is missing", "Install git there (macOS: xcode-select --install).")
    if version_numbers(facts["git"]) < MINIMUM_GIT:
        raise _not_ready(machine, f"{facts['git']} is too old", "Install git 2.20 or newer there.")
    if facts["writable"] != "yes":
        raise _not_ready(
            machine, f"workspace {machine.workspace} cannot be written", "Set `workspace` to a folder of this user."
        )
    if facts.get(f"filter.{LFS}") == "":
        todo = "Install it there (macOS: brew install git-lfs)."
        raise _not_ready(machine, "git-lfs is missing, and the repository keeps files in Git LFS", todo)
    free = _free_mib(facts)
    if free is not None and free < MINIMUM_FREE_MIB:
        raise _not_ready(
            machine,
            f"its disk is full: {free} MiB free at {machine.workspace}",
            "Free some space, or remove old runs with: miyabi sweep RUN",
        )


async def _require_tools(machine: Machine, host: Host, settings: Settings) -> None:
    """What its set-ups call first must be on the PATH of its sessions."""
    fields = {label: f"sessions.labels.{label}.setup" if label else "sessions.setup" for label in ("", *machine.offers)}
    setups = [(fields[label], command) for label, command in settings.sessions.setups if label in fields]
    tools = {tool: field for field, command in setups if (tool := tool_of(command))}
    if not tools:
        return
    prelude = session_prelude(
        machine,
        settings.sessions.environment,
        oauth_token_file=None,
        inherited=inherited_environment(machine),
    )
    looks = "\n".join(f"command -v {quote_word(tool)} >/dev/null || echo {quote_word(tool)}" for tool in tools)
    answer = await host.run(["/bin/sh", "-s"], stdin=f"{prelude}\n{looks}\n".encode())
    missing = [tool for tool in answer.stdout.decode(errors="replace").splitlines() if tool in tools]
    if missing:
        raise _not_ready(
            machine,
            f"there is no {missing[0]!r} on the PATH of its sessions, which {tools[missing[0]]} calls",
            "Install it there, add its folder to the machine's `environment.PATH`, or set another set-up.",
        )


def tool_of(command: str) -> str | None:
    """Finds the program that a shell command calls first, but for `cd`; None where that takes a shell to know."""
    words = _ENTERS.sub("", command).split()
    first = next((word for word in words if not _ASSIGNS.match(word)), "")
    return first if _PLAIN_NAME.fullmatch(first) else None


def _free_mib(facts: dict[str, str]) -> int | None:
    return int(facts["free_kib"]) // 1024 if facts["free_kib"].isdigit() else None


async def _ask_all(machine: Machine, host: Host, settings: Settings) -> tuple[str, str]:
    """The version of claude, and when the first of the logins ends, where each of the machine's accounts has one."""
    said = []
    for account in machine.logins:
        try:
            said.append(await _ask_claude(machine, host, settings.of_account(account)))
        except MachineNotReady as error:
            if len(machine.logins) == 1:
                raise
            raise MachineNotReady(f"account {account}: {error}", machine=machine.name) from None
    return said[0][0], min((ends for _, ends in said if ends), default="")


async def _ask_claude(machine: Machine, host: Host, settings: Settings) -> tuple[str, str]:
    """The version of a claude that is there and logged in, and when the login ends.

    `claude auth status` tells that one is present, not that it is valid; its end since 2.1.330, for claude.ai's alone.
    """
    prelude = session_prelude(
        machine,
        settings.sessions.environment,
        oauth_token_file=settings.sessions.oauth_token_file,
        inherited=inherited_environment(machine),
    )
    needed = need_paths(path for path in (*settings.sessions.plugins, *settings.sessions.add_dirs) if path[0] in "/~")
    script = f"{prelude}\n{needed}\n{CLAUDE} --version && {CLAUDE} auth status\n"
    answer = await host.run(["/bin/sh", "-s"], stdin=script.encode())
    out, err = answer.stdout.decode(errors="replace"), answer.stderr.decode(errors="replace").strip()
    if answer.exit_status == BAD_TOKEN_FILE:
        raise _not_ready(machine, err.removeprefix("miyabi: "), "Set `sessions.oauth_token_file` to the right file.")
    if answer.exit_status == PATH_MISSING:
        todo = "Put it there, or mend `sessions.plugins` or `sessions.add_dirs`."
        raise _not_ready(machine, err.removeprefix("miyabi: "), todo)
    version, _, status = out.partition("\n")
    if "Claude Code" not in version:
        raise _not_ready(
            machine,
            f"no claude at {machine.claude!r}: {last_message(err) or version or 'it said nothing'}",
            "Install Claude Code there, or set `claude` to its absolute path (an SSH command reads no profile).",
        )
    _require_login(machine, status)
    _require_version(machine, version.split()[0], oldest=settings.sessions.min_claude)
    return version.split()[0], _login_ends(status)


def _require_version(machine: Machine, found: str, *, oldest: str | None) -> None:
    if oldest and version_numbers(found) < version_numbers(oldest):
        raise _not_ready(
            machine,
            f"Claude Code {found} is older than sessions.min_claude ({oldest})",
            "Update it there (claude update), or lower `sessions.min_claude`.",
        )


def _require_login(machine: Machine, status: str) -> None:
    if not _logged_in(status):
        raise _not_ready(
            machine,
            "claude is not logged in there",
            "Run `claude setup-token`, save the token in a file with mode 0600 on the machine and set "
            "`sessions.oauth_token_file` (over SSH the macOS keychain stays locked).",
        )


def _logged_in(status: str) -> bool:
    try:
        return bool(json.loads(status)["loggedIn"])
    except (ValueError, KeyError, TypeError):
        return False


def _login_ends(status: str) -> str:
    try:
        ends = json.loads(status).get("loginExpiresAt")
    except (ValueError, AttributeError):
        return ""
    return ends if isinstance(ends, str) else ""


def _not_ready(machine: Machine, found: str, todo: str) -> MachineNotReady:
    return MachineNotReady(f"{machine.name}: {found}. {todo}", machine=machine.name)
