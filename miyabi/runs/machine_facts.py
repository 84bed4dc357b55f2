"""What a machine says of itself, all in one command, and when it has last said anything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from miyabi.claude import CLAUDE, inherited_environment, session_prelude
from miyabi.errors import MachineNotReady
from miyabi.machines import Host, Machine, install
from miyabi.settings import Settings
from miyabi.system import files, miyabi_home
from miyabi.text import clean, one_line

LONGEST_SECONDS = 20.0
"""So long a machine may take to answer; then it counts as away."""
_SEEN_FILE = "machines.json"

# The sessions are asked of our script as it is now, else of the newest that is there: it may never have been installed.
_PROBE = r"""
say() { printf '%s=%s\n' "$1" "$2"; }
w=$1 s=$2
v=$(sw_vers -productVersion 2>/dev/null) && v="macOS $v $(uname -m)" || v=$(uname -srm)
say system "$v"
say git "$(git --version 2>/dev/null)"
say perl "$(perl -e 'printf "%vd", $^V' 2>/dev/null)"
say free_kib "$({ df -Pk "$w" || df -Pk "${w%/*}"; } 2>/dev/null | sed -n 's/^.* \([0-9][0-9]*\)  *[0-9]*% .*$/\1/p')"
if [ -r /proc/meminfo ]; then
  say memory_kib "$(sed -n 's/^MemAvailable: *\([0-9]*\).*/\1/p' /proc/meminfo)"
else
  say memory_kib "$(vm_stat 2>/dev/null | awk '/page size of/ { p = $8 } /Pages (free|inactive|speculative|purgeable)/ {
    sub(/\.$/, "", $NF); n += $NF } END { if (p) printf "%d", n * p / 1024 }')"
fi
say load "$(LC_ALL=C uptime 2>/dev/null | sed -n 's/^.*load average[s]*: *\([0-9.]*\).*$/\1/p')"
say cores "$(getconf _NPROCESSORS_ONLN 2>/dev/null)"
{ read -r until && read -r why; } 2>/dev/null <"$w/cordon" && say cordon "$until $why"
[ -f "$s" ] || for f in "$w"/bin/supervise-*.sh; do [ -f "$f" ] && s=$f; done
[ ! -f "$s" ] || sh "$s" "$w" live 2>/dev/null </dev/null | sed -n 's/^miyabi1 /live=&/p'
"""
_ASK_CLAUDE = """
say claude "$({claude} --version 2>/dev/null </dev/null | head -n 1)"
say login "$({claude} auth status 2>/dev/null </dev/null | tr '\\n' ' ')"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFacts:
    """What a machine that answered said of itself; None, or nothing, where it did not say."""

    sessions: tuple[str, ...]
    system: str
    git: str
    perl: str
    claude: str
    login: str  # how claude is logged in, empty where it is not
    free_mib: int | None
    memory_mib: int | None
    load: float | None
    cores: int | None
    cordon: str  # why the machine itself takes no session, empty where it does; may be over
    cordon_until: float | None


async def ask_machine(machine: Machine, host: Host, settings: Settings) -> MachineFacts:
    """Asks a machine, in one command, for what there is to be known of it.

    Raises:
        MachineNotReady: its shell did not run our command.
        MachineError: as `Host.run`; it takes longer than 20 s.
    """
    sessions = settings.of_account(machine.logins[0]).sessions
    prelude = session_prelude(
        machine,
        sessions.environment,
        oauth_token_file=sessions.oauth_token_file,
        inherited=inherited_environment(machine),
    )
    asked = f"{_PROBE}(\n{prelude}\n{_ASK_CLAUDE.format(claude=CLAUDE)})\nexit 0\n"
    words = ["/bin/sh", "-s", "--", machine.workspace, install.path(machine.workspace, "supervise")]
    answer = await host.run(words, stdin=asked.encode(), timeout_seconds=LONGEST_SECONDS)
    lines = [clean(line) for line in answer.stdout.decode(errors="replace").splitlines() if "=" in line]
    said = dict(line.split("=", 1) for line in lines)
    if not said.get("system"):
        why = one_line(answer.complaint) or f"exit status {answer.exit_status}"
        raise MachineNotReady(f"{machine.name}: its shell did not run our command: {why}", machine=machine.name)
    return _facts(said, [line.removeprefix("live=") for line in lines if line.startswith("live=")])


def _facts(said: Mapping[str, str], live: list[str]) -> MachineFacts:
    until, _, why = said.get("cordon", "").partition(" ")
    return MachineFacts(
        sessions=tuple(line.split()[1] for line in live),
        system=said["system"],
        git=said.get("git", "").removeprefix("git version "),
        perl=said.get("perl", ""),
        claude=said.get("claude", "").removesuffix(" (Claude Code)"),
        login=_login(said.get("login", "")),
        free_mib=_mebibytes(said.get("free_kib", "")),
        memory_mib=_mebibytes(said.get("memory_kib", "")),
        load=float(said["load"]) if said.get("load") else None,
        cores=int(cores) if (cores := said.get("cores", "")).isdecimal() else None,
        cordon=why or "cordoned" if until.isdecimal() else "",
        cordon_until=float(until) if until.isdecimal() and until != "0" else None,
    )


def _mebibytes(kibibytes: str) -> int | None:
    return int(kibibytes) // 1024 if kibibytes.isdecimal() else None


def _login(status: str) -> str:
    try:
        said = json.loads(status)
        return str(said.get("authMethod") or "yes") if said["loggedIn"] else ""
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""


class Seen(NamedTuple):
    """When a machine has answered last, and since when it has not; seconds since 1970, None where nobody knows."""

    last: float | None = None
    away_since: float | None = None


class LastSeen:
    """That of each machine, by name. A file that is gone, damaged or cannot be written is no error."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file or miyabi_home() / _SEEN_FILE

    def note(self, answered: dict[str, bool], *, now: float) -> dict[str, Seen]:
        """Notes which machines have answered now, and returns how it stands with each of them.

        Args:
            answered: whether each did, by name.
            now: seconds since 1970.
        """
        known = self._read()
        for name, is_there in answered.items():
            before = known.get(name, Seen())
            known[name] = Seen(now) if is_there else Seen(before.last, before.away_since or now)
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            files.atomic_write(self._file, json.dumps(known) + "\n")
        return {name: known[name] for name in answered}

    def _read(self) -> dict[str, Seen]:
        try:
            return {str(name): Seen(last, since) for name, (last, since) in json.loads(self._file.read_bytes()).items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}
