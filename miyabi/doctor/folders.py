"""Folders that sessions write to: home, temporary files, workspace; and the disk that it is on."""

from __future__ import annotations

import re
from collections.abc import Iterable

from miyabi.doctor.finding import Kind, Severity
from miyabi.doctor.patient import Patient, Rule
from miyabi.text import count, several

LOW_MIB, LOW_MIB_EACH = 2048, 256
FULL_MIB = 200  # below it a machine takes no session at all, which is said elsewhere
FEW_INODES = 10_000
SOCKET_NAME = 32
"""What programs make of a name below TMPDIR: `cc-socks/PID.sock`, `pymp-…/listener-…`, `.s.PGSQL.5432`."""
_SOCKET_PATH = {"Darwin": 103, "Linux": 107}  # sun_path of unix(4) and unix(7), without the NUL at its end
_GUARDED = re.compile(r"/Users/[^/]+/(Desktop|Documents|Downloads|Library/Mobile Documents)(/|$)")
_NAMED = 3


def _home(patient: Patient) -> str:
    facts = patient.facts
    return (
        ""
        if facts.text("home_writable")
        else f"nothing can be written in the home of its sessions, {facts.text('home')}"
    )


def _tmp(patient: Patient) -> str:
    facts = patient.facts
    return (
        ""
        if facts.text("tmp_writable")
        else f"nothing can be written in its folder for temporary files, {facts.text('tmp')}"
    )


def _tmp_length(patient: Patient) -> str:
    folder = patient.facts.text("tmp")
    longest = _SOCKET_PATH.get(patient.facts.text("system"), min(_SOCKET_PATH.values()))
    left = longest - len(folder.encode()) - 1
    if left >= SOCKET_NAME:
        return ""
    return (
        f"the folder for temporary files has {len(folder.encode())} characters, so {max(left, 0)} are left for a socket"
    )


def _noexec(patient: Patient) -> str:
    return "no program can be run from its workspace (noexec?)" if patient.facts.text("executes") == "no" else ""


def _mode(patient: Patient) -> str:
    mode = patient.facts.text("workspace_mode")
    if mode[9:].lower() == "t":  # as /tmp: nobody replaces what is another's
        return ""
    others = [who for who, at in (("its group", 5), ("everybody", 8)) if mode[at : at + 1] == "w"]
    return f"{' and '.join(others)} may write in its workspace ({mode})" if others else ""


def _disk(patient: Patient) -> str:
    kib = patient.facts.column("disk", "Available")
    needed = max(LOW_MIB + LOW_MIB_EACH * patient.machine.slots, patient.machine.floors_mib[0])
    if kib is None or not FULL_MIB <= kib / 1024 < needed:
        return ""
    slots = count(patient.machine.slots, "slot")
    return f"{kib // 1024:,} MiB are free at its workspace; {slots} should have {needed:,}"


def _inodes(patient: Patient) -> str:
    free = patient.facts.column("inodes", "IFree")
    total = patient.facts.column("inodes", "Inodes")
    if free is None or free >= FEW_INODES or total == 0:  # btrfs counts none
        return ""
    return f"its disk takes {count(free, 'more file')} (inodes)"


def _case(patient: Patient) -> str:
    if patient.facts.text("case_matters") != "no" or not patient.clashes:
        return ""
    named = several(patient.clashes, most=_NAMED)
    return f"its disk does not tell case apart, and the base has paths that differ in nothing else: {named}"


def _guarded(patient: Patient) -> str:
    path = patient.facts.text("workspace_path")
    return f"macOS guards its workspace {path}" if patient.is_mac and _GUARDED.match(path) else ""


FOLDER_RULES = (
    Rule(
        kind=Kind(
            id="home-read-only",
            severity=Severity.ERROR,
            when="nothing can be written in the home of sessions",
            why="Claude keeps its conversations and settings there: it does not begin, or cannot be resumed.",
            mend='touch "$HOME/.miyabi-probe"    # says why: then chown, remount, or another HOME in `environment`',
        ),
        look=_home,
    ),
    Rule(
        kind=Kind(
            id="tmp-unusable",
            severity=Severity.ERROR,
            when="`TMPDIR` (or `CLAUDE_CODE_TMPDIR`) is missing or cannot be written",
            why="Claude, git, compilers and test suites write there first: each session fails within seconds.",
            mend="make that folder for {user}, or set TMPDIR in the machine's `environment`",
        ),
        look=_tmp,
    ),
    Rule(
        kind=Kind(
            id="tmp-length",
            severity=Severity.WARNING,
            when=f"fewer than {SOCKET_NAME} characters are left for a Unix socket below `TMPDIR` "
            f"(its path has at most {_SOCKET_PATH['Linux']}, on macOS {_SOCKET_PATH['Darwin']})",
            why="Servers that tests start, and Claude's own, cannot listen: checks are red for no fault of the work.",
            mend="set a shorter TMPDIR in the machine's `environment`: /tmp",
        ),
        look=_tmp_length,
    ),
    Rule(
        kind=Kind(
            id="noexec",
            severity=Severity.ERROR,
            when="nothing below the workspace can be executed",
            why="Hooks, `./gradlew`, `node_modules/.bin`, compiled tests: whatever a checkout brings does not start.",
            mend="sudo mount -o remount,exec MOUNT_POINT    # and in /etc/fstab; or set another `workspace`",
        ),
        look=_noexec,
    ),
    Rule(
        kind=Kind(
            id="workspace-mode",
            severity=Severity.WARNING,
            when="group or others may write in the workspace, and it is not sticky",
            why="Whoever may replace our scripts there has sessions run what he likes, with their login.",
            mend="chmod go-w {workspace}",
        ),
        look=_mode,
    ),
    Rule(
        kind=Kind(
            id="disk-low",
            severity=Severity.WARNING,
            when=f"under {LOW_MIB // 1024} GiB and {LOW_MIB_EACH} MiB a slot, or `min_free_gb`, are free there",
            why="A night's checkouts and builds fill it: what sessions did then cannot be committed or collected.",
            mend="miyabi sweep RUN    # of runs that are over; or free some space there",
        ),
        look=_disk,
    ),
    Rule(
        kind=Kind(
            id="inodes",
            severity=Severity.WARNING,
            when=f"the workspace's disk has room for fewer than {FEW_INODES:,} more files",
            why='One `node_modules` has more: "No space left on device" comes although gigabytes are free.',
            mend="miyabi sweep RUN    # of runs that are over; or make the file system anew with more inodes",
        ),
        look=_inodes,
    ),
    Rule(
        kind=Kind(
            id="case",
            severity=Severity.WARNING,
            when="the workspace's disk does not tell `a` from `A`, and the base has two such paths",
            why="One of the two files is missing in each checkout there, and a commit of all takes it away.",
            mend="rename one of them, or set a `workspace` on a case-sensitive volume (APFS has such)",
        ),
        look=_case,
    ),
    Rule(
        kind=Kind(
            id="workspace-guarded",
            severity=Severity.WARNING,
            when="a Mac's workspace is below Desktop, Documents, Downloads or iCloud",
            why="macOS asks at its screen before such folders are read: by SSH that is a refusal.",
            mend="set `workspace` to a folder outside of them, as ~/.miyabi",
        ),
        look=_guarded,
    ),
)


def clashing_paths(paths: Iterable[str]) -> tuple[str, ...]:
    """Finds the files and folders that differ from another one in case only, the paths of files given."""
    spellings: dict[str, set[str]] = {}
    for path in paths:
        parts = path.split("/")
        for depth in range(1, len(parts) + 1):
            way = "/".join(parts[:depth])
            spellings.setdefault(way.casefold(), set()).add(way)
    return tuple(sorted(way for each in spellings.values() if len(each) > 1 for way in each))
