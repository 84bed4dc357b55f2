"""The login shell: what it prints, how long it takes, and what it leaves to sessions."""

from __future__ import annotations

from miyabi.doctor.finding import Kind, Severity
from miyabi.doctor.patient import Patient, Rule
from miyabi.text import duration, one_line

SLOW_SECONDS = 3
LEAST_OPEN_FILES = 256  # macOS' own limit in a login
PROCESSES_EACH = 64
_LONGEST = 100


def _prints(patient: Patient) -> str:
    said = patient.facts.printed
    return f"a command by SSH begins with what the login shell prints: {one_line(said)[:_LONGEST]!r}" if said else ""


def _complains(patient: Patient) -> str:
    said = patient.facts.complained
    return f"the login shell complains before each command: {one_line(said)[:_LONGEST]!r}" if said else ""


def _is_slow(patient: Patient) -> str:
    seconds = patient.facts.shell_seconds
    return f"the login shell takes {duration(seconds)} to begin a command" if seconds >= SLOW_SECONDS else ""


def _umask(patient: Patient) -> str:
    text = patient.facts.text("umask")
    mask = int(text, 8) if text and all(digit in "01234567" for digit in text) else None
    if mask is None:
        return ""
    if mask & 0o700:
        return f"the umask {text} takes rights from the owner of each new file"
    return "" if mask & 0o002 else f"with the umask {text} everybody on the machine may write each new file"


def _open_files(patient: Patient) -> str:
    limit = patient.facts.number("open_files")
    return f"a process may have {limit:.0f} files open" if limit is not None and limit < LEAST_OPEN_FILES else ""


def _processes(patient: Patient) -> str:
    limit, needed = patient.facts.number("processes"), PROCESSES_EACH * patient.machine.slots
    return (
        f"the user may have {limit:.0f} processes, for {needed} in use" if limit is not None and limit < needed else ""
    )


SHELL_RULES = (
    Rule(
        kind=Kind(
            id="shell-prints",
            severity=Severity.ERROR,
            when="a start-up file prints something where nobody is at a terminal",
            why="What machines answer is read by a program: it finds the shell's words in place of the answer.",
            mend="in the start-up files of {user} (.bashrc, .zshenv, config.fish): print only in a terminal, after "
            "`[ -t 1 ]` or `case $- in *i*) ;; *) return ;; esac`",
        ),
        look=_prints,
    ),
    Rule(
        kind=Kind(
            id="shell-complains",
            severity=Severity.WARNING,
            when="a start-up file writes to stderr",
            why="What it was to set up is not there, and its complaint stands before each error that is shown.",
            mend="mend what it names, or have it run in a terminal only: `[ -t 1 ] || return`",
        ),
        look=_complains,
    ),
    Rule(
        kind=Kind(
            id="shell-slow",
            severity=Severity.WARNING,
            when=f"a command begins {SLOW_SECONDS} seconds late or later",
            why="Every command of ours waits for it: starting, asking and collecting take as much longer.",
            mend="have the start-up files of {user} do less where nobody is at a terminal: `[ -t 1 ] || return`",
        ),
        look=_is_slow,
    ),
    Rule(
        kind=Kind(
            id="umask",
            severity=Severity.WARNING,
            when="the umask takes the owner's own rights, or leaves others the right to write",
            why="Sessions make files with it: code that others may change, or that a session cannot read again.",
            mend="umask 022    # in the start-up files of {user}, in place of the one there",
        ),
        look=_umask,
    ),
    Rule(
        kind=Kind(
            id="open-files",
            severity=Severity.WARNING,
            when=f"fewer than {LEAST_OPEN_FILES} files may be open in a process (`ulimit -n`)",
            why="Builds and file watchers end with EMFILE, and a check is red for no fault of the work.",
            mend="ulimit -n 4096    # in the start-up files of {user}; its ceiling is in limits.conf(5) or launchctl",
        ),
        look=_open_files,
    ),
    Rule(
        kind=Kind(
            id="processes",
            severity=Severity.WARNING,
            when=f"fewer processes than {PROCESSES_EACH} a slot are allowed (`ulimit -u`)",
            why="With all slots in use nothing can be started any more: sessions, checks and our own commands fail.",
            mend="ulimit -u 4096    # in the start-up files of {user}; its ceiling is in limits.conf(5) or launchctl",
        ),
        look=_processes,
    ),
)
