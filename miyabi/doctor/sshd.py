"""The sshd of a machine: whether it lets in as many as its slots need."""

from __future__ import annotations

import math
import re

from miyabi.doctor.finding import Kind, Severity
from miyabi.doctor.patient import Patient, Rule
from miyabi.text import count

COMMANDS, STREAMS_BESIDE, STREAMS_ALONE, HANDSHAKES = 5, 4, 8, 8
"""What we have at once: commands and streams on the first connection, streams on each other one, logins."""
_STARTUPS = re.compile(r"\[listener\] \d+ of (\d+)-\d+ startups")


def _max_sessions(patient: Patient) -> str:
    slots = patient.machine.slots
    found, needed = patient.facts.setting("sshd", "maxsessions"), COMMANDS + min(slots, STREAMS_BESIDE)
    if not found or not found.isdigit() or int(found) >= needed:
        return ""
    return f"its sshd has MaxSessions {found}; a connection needs {needed} for {count(slots, 'slot')}"


def _max_startups(patient: Patient) -> str:
    said = patient.facts.setting("sshd", "maxstartups") or ""
    titles = (_STARTUPS.search(line) for line in patient.facts.all("sshd_listener"))
    begin = said.partition(":")[0] or next((found[1] for found in titles if found), "")
    further = math.ceil(max(0, patient.machine.slots - STREAMS_BESIDE) / STREAMS_ALONE)
    needed = min(HANDSHAKES, 2 + further)  # a run's, and one of a command beside it
    if not begin.isdigit() or not 0 < int(begin) < needed:
        return ""
    return f"its sshd refuses logins from {begin} at once on (MaxStartups); we may begin {needed}"


def _penalties(patient: Patient) -> str:
    said, exempt = (
        patient.facts.setting("sshd", name) for name in ("persourcepenalties", "persourcepenaltyexemptlist")
    )
    if not said or said == "no" or exempt not in {None, "none"}:
        return ""
    return "its sshd locks out addresses for a while after refused logins (PerSourcePenalties), ours too"


_RELOAD = "on the machine, then restart sshd (Debian: sudo systemctl reload ssh; macOS needs nothing)"

SSHD_RULES = (
    Rule(
        kind=Kind(
            id="max-sessions",
            severity=Severity.WARNING,
            when=f"`MaxSessions` is below {COMMANDS} and a stream for each slot (at most {STREAMS_BESIDE})",
            why="Commands are refused while sessions are followed: each is asked again and again, and a night crawls.",
            mend=f"echo MaxSessions 20 | sudo tee /etc/ssh/sshd_config.d/miyabi.conf    # {_RELOAD}",
        ),
        look=_max_sessions,
    ),
    Rule(
        kind=Kind(
            id="max-startups",
            severity=Severity.WARNING,
            when="`MaxStartups` refuses logins sooner than we begin them (2, and 1 more for 8 slots over 4)",
            why="Logins are refused at random when connections are made at once, as after each outage.",
            mend=f"echo MaxStartups 20:30:100 | sudo tee -a /etc/ssh/sshd_config.d/miyabi.conf    # {_RELOAD}",
        ),
        look=_max_startups,
    ),
    Rule(
        kind=Kind(
            id="penalties",
            severity=Severity.NOTE,
            when="OpenSSH ≥ 9.8 has `PerSourcePenalties` on, and `PerSourcePenaltyExemptList` is empty",
            why="After a few refused logins of anybody at our address the machine is away for up to ten minutes.",
            mend="echo PerSourcePenaltyExemptList ADDRESS_OF_ORCHESTRATOR | sudo tee -a "
            f"/etc/ssh/sshd_config.d/miyabi.conf    # {_RELOAD}",
        ),
        look=_penalties,
    ),
)
