"""The machine itself: clock, memory, what ends processes at a logout, what still lives there, and its perl."""

from __future__ import annotations

import re

from miyabi.doctor.finding import Kind, Severity
from miyabi.doctor.patient import Patient, Rule
from miyabi.sessions import SessionPaths
from miyabi.text import count, duration, several

CLOCK_SECONDS = 5
OLDEST_PERL = 5.010
_NAMED = 3


def _clock(patient: Patient) -> str:
    now = patient.facts.number("now")
    if now is None:
        return ""
    ahead, behind = now - patient.answered, patient.sent - now
    off = max(ahead, behind)
    return f"its clock is {duration(off)} {'ahead' if ahead > behind else 'behind'}" if off > CLOCK_SECONDS else ""


def _mib(patient: Patient, name: str) -> float | None:
    """A figure of /proc/meminfo, or of sysctl, in MiB."""
    found = re.match(r"(\d+)( kB)?$", patient.facts.setting("memory", name) or "")
    return int(found[1]) / (1024 if found[2] else 1 << 20) if found else None


def _memory(patient: Patient) -> str:
    limit = patient.facts.number("memory_max")  # of its cgroup; "max" is none
    sizes = [size for size in (_mib(patient, "MemTotal"), _mib(patient, "hw.memsize")) if size]
    sizes += [limit / (1 << 20)] if limit else []
    slots = patient.machine.slots
    needed, free = patient.machine.floors_mib[1] * slots, _mib(patient, "MemAvailable")
    needs = f"{count(slots, 'slot')} {'needs' if slots == 1 else 'need'} {needed:,}"
    if sizes and min(sizes) < needed:
        return f"it has {min(sizes):,.0f} MiB of memory; {needs}"
    return f"{free:,.0f} MiB of its memory are free now; {needs}" if free is not None and free < needed else ""


def _users(patient: Patient, name: str) -> set[str]:
    """The strings of an array as busctl(1) prints it: `as 2 "root" "runner"`."""
    return set(re.findall(r'"([^"]*)"', patient.facts.text(f"logind_{name}")))


def _logout_kills(patient: Patient) -> str:
    user, only = patient.facts.text("user"), _users(patient, "KillOnlyUsers")
    spared = user in _users(patient, "KillExcludeUsers") or (only and user not in only)
    kills = patient.facts.text("logind_KillUserProcesses") == "b true" and not spared
    return f"systemd-logind ends what {user} leaves running at a logout (KillUserProcesses)" if kills else ""


def _linger(patient: Patient) -> str:
    if patient.facts.text("linger") != "Linger=no":
        return ""
    return f"{patient.facts.text('user')} does not linger: at the last logout systemd-logind tidies up after that user"


def _leftover(patient: Patient) -> str:
    names = [SessionPaths.of(name) for name in patient.facts.all("session")]
    left = [f"{paths.run}/{paths.task}" for paths in names if paths.run in patient.runs and not paths.is_ahead]
    if not left:
        return ""
    slots = count(patient.machine.slots, "slot")
    return f"{several(left, most=_NAMED)} still live there, of its {slots}, and no orchestrator works on their runs"


def _perl(patient: Patient) -> str:
    version = patient.facts.number("perl")
    return f"its perl is {version:.3f}" if version is not None and version < OLDEST_PERL else ""


SYSTEM_RULES = (
    Rule(
        kind=Kind(
            id="clock",
            severity=Severity.WARNING,
            when=f"its clock differs from the orchestrator's by more than {CLOCK_SECONDS} seconds",
            why="The machine ends sessions at `until` by its own clock, and its commits bear wrong dates.",
            mend="sudo timedatectl set-ntp true    # macOS: sudo sntp -sS time.apple.com",
        ),
        look=_clock,
    ),
    Rule(
        kind=Kind(
            id="memory",
            severity=Severity.WARNING,
            when="it has, or has free at the moment, less memory than `memory_mb_per_session` a slot",
            why="It begins no session below that: its slots stay empty, and what it is for waits or goes elsewhere.",
            mend="set fewer `slots` for the machine than {slots}, or end what else runs there",
        ),
        look=_memory,
    ),
    Rule(
        kind=Kind(
            id="logout-kills",
            severity=Severity.ERROR,
            when="systemd-logind has `KillUserProcesses=yes` for the user",
            why="Sessions are detached from their connection: when that ends, or is lost, they are killed with it.",
            mend="sudo mkdir -p /etc/systemd/logind.conf.d && printf '[Login]\\nKillExcludeUsers=root {user}\\n' | "
            "sudo tee /etc/systemd/logind.conf.d/miyabi.conf && sudo systemctl kill -s HUP systemd-logind",
        ),
        look=_logout_kills,
    ),
    Rule(
        kind=Kind(
            id="linger",
            severity=Severity.NOTE,
            when="systemd manages the login, and the user does not linger",
            why="When the link is lost, /run/user and shared memory of the user go, below what still runs there.",
            mend="sudo loginctl enable-linger {user}",
        ),
        look=_linger,
    ),
    Rule(
        kind=Kind(
            id="leftover-sessions",
            severity=Severity.WARNING,
            when="sessions of this clone's runs hold slots there, and nobody works on these runs",
            why="They hold slots which the night's run waits for, and what they do is not collected.",
            mend="miyabi orchestrate --run RUN    # takes them up again; or ends them: miyabi stop RUN",
        ),
        look=_leftover,
    ),
    Rule(
        kind=Kind(
            id="perl-old",
            severity=Severity.WARNING,
            when=f"perl is older than {OLDEST_PERL:.3f}",
            why="What looks after sessions there is written for newer ones.",
            mend="install a newer perl, first on the PATH of {user}",
        ),
        look=_perl,
    ),
)
