"""What nobody has used for long: runs that ended, and on machines the stores and caches of repositories."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from miyabi.errors import BadInput
from miyabi.machines import Host, Machine
from miyabi.runs.folder import RunFolder
from miyabi.runs.sweep import left_there, not_collected
from miyabi.sessions import SessionPaths, list_sessions

_DAY_SECONDS = 86400

# A folder is unused where none of its files was written or read, and no folder changed, for that many minutes. While a
# session lives there, none is. A store that a task's notes are in, or a checkout borrows from, is used.
_FIND = r"""
cd -P -- "$1" 2>/dev/null || exit 0
[ -z "$(ls slots 2>/dev/null)" ] || exit 0
is_borrowed() {
  for n in "$1"/miyabi/*+* "$1"/worktrees/*; do [ ! -e "$n" ] || return 0; done
  for a in $(find checkouts -path '*/objects/info/alternates' 2>/dev/null | tr ' ' '?'); do
    grep -qF "/$1/objects" $a && return 0
  done
  return 1
}
for d in cache/* repos/*.git; do
  [ -d "$d" ] || continue
  case $d in repos/*) is_borrowed "$d" && continue ;; esac
  [ -z "$(find "$d" \( -mmin -"$2" -o -type f -amin -"$2" \) -print 2>/dev/null | head -n 1)" ] || continue
  printf '%s %s\n' "$(du -sk "$d" 2>/dev/null | cut -f 1)" "$d"
  [ "$3" != remove ] || rm -rf -- "$d"
done
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OldRun:
    """A run that ended long ago; `kept` says why its work may be nowhere else, empty where all of it is here."""

    run: str
    days: float
    kept: str = ""


def old_runs(repository: Path, *, keep_days: float, now: float) -> tuple[OldRun, ...]:
    """Finds the runs of a repository that ended longer ago, and that nobody works on; `now` is seconds since 1970.

    One whose run.json cannot be read, or that has not ended, is not among them.
    """
    found = []
    for folder in RunFolder.by_start(repository):
        try:
            ended = folder.info().ended
        except BadInput:
            continue
        days = (now - ended.timestamp()) / _DAY_SECONDS if ended else -1.0
        if days >= keep_days and ended and not folder.is_being_worked_on:
            left = (*(f"not collected: {each}" for each in not_collected(folder)), *left_there(folder))
            found.append(OldRun(run=folder.run, days=days, kept="; ".join(left)))
    return tuple(found)


async def runs_on(machine: Machine, host: Host) -> frozenset[str]:
    """Finds the names of the runs, of whichever repository, that have anything on a machine.

    Raises:
        MachineError: as `Host.run`.
    """
    sessions = await list_sessions(host, workspace=machine.workspace)
    look = 'cd -P -- "$1" 2>/dev/null && ls checkouts worktrees 2>/dev/null; exit 0'
    there = (await host.run(["/bin/sh", "-c", look, "sh", machine.workspace])).stdout.decode(errors="replace")
    return frozenset((*there.split(), *(SessionPaths.of(name).run for name, _ in sessions)))


async def unused_folders(
    machine: Machine, host: Host, *, keep_days: float, removes: bool = False
) -> tuple[tuple[str, int], ...]:
    """Finds, and maybe removes, the stores and caches on a machine that nobody has used for so many days.

    Returns:
        The path of each from the workspace on, and its size in MiB.

    Raises:
        MachineError: as `Host.run`.
    """
    minutes = str(max(1, int(keep_days * 24 * 60)))
    words = ["/bin/sh", "-s", "--", machine.workspace, minutes, "remove" if removes else "look"]
    said = (await host.run(words, stdin=_FIND.encode(), timeout_seconds=600)).stdout.decode(errors="replace")
    lines = (line.split(" ", 1) for line in said.splitlines() if " " in line)
    return tuple((path, int(kib) // 1024 if kib.isdecimal() else 0) for kib, path in lines)
