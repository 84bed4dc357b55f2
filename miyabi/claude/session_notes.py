"""What the reader should know of a session besides its outcome. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from miyabi.claude.evidence import Evidence
from miyabi.claude.known_failures import lost_writes
from miyabi.claude.transcript import Transcript, silent_servers
from miyabi.text import count, one_line, redact

_LONGEST_CHARACTERS = 400
_LOGIN_AHEAD = timedelta(days=7)
_PARTS = {"output": "output", "transcript": "conversation"}
_UNTRUSTED = re.compile(r"^.*Ignoring \d+ \S*permissions\S*.{0,80} entr.*$", re.MULTILINE)
_STOPPED_AGENTS = re.compile(r"(?im)^.*(?:stopping|stopped|killed).{0,40} background (?:agent|work).*$")


def notes_of(transcript: Transcript, evidence: Evidence) -> tuple[str, ...]:
    """Says what was lost, ended or left out of account while the session ran.

    Returns:
        One sentence each, without secrets, of at most 400 characters.
    """
    parts = (_of_earlier_work, _of_servers, _of_ends, _of_losses, _of_login, _of_stderr)
    every = (note for part in parts for note in part(transcript, evidence))
    return tuple(one_line(redact(note), characters=_LONGEST_CHARACTERS) for note in every)


def _of_earlier_work(_: Transcript, evidence: Evidence) -> Iterator[str]:
    if evidence.added_nothing:
        yield f"it added nothing to the commits that it began with, those of branch {evidence.earlier_branch}"


def _of_servers(transcript: Transcript, evidence: Evidence) -> Iterator[str]:
    silent = silent_servers(transcript.init) if transcript.init else {}
    for name in sorted(silent.keys() - set(evidence.missing_servers)):
        yield f"its MCP server {name} did not start on {evidence.machine} ({silent[name] or 'no status'})"


def _of_ends(transcript: Transcript, evidence: Evidence) -> Iterator[str]:
    """What did not come to its own end."""
    agents, commands = transcript.background.agents, transcript.background.count - transcript.background.agents
    working = " and ".join(
        [*([count(agents, "background agent")] if agents else []), *([count(commands, "command")] if commands else [])]
    )
    if evidence.ended_by == "lingered":
        still = f", with {working} of it still at work" if working else ""
        yield f"its process was ended after its last result, as it did not end by itself{still}"
    elif working and transcript.result:
        yield f"it ended with {working} still at work in the background; what they had not done is not there"
    stopped = transcript.stopped_subagents
    if stopped > agents:
        were = "was" if stopped == 1 else "were"
        yield f"{count(stopped, 'subagent')} of it {were} stopped before it was done; its part may be missing"


def _of_losses(transcript: Transcript, evidence: Evidence) -> Iterator[str]:
    if lost := transcript.writes_lost or lost_writes(evidence.stderr):
        parts = [word for name, word in _PARTS.items() if name in lost.lost]
        what = f"its {' and its '.join(parts)} could not be saved whole" if parts else "not all could be saved"
        yield f"the disk of {evidence.machine} was full ({lost.reason or 'no space'}): {what}"
    if missing := transcript.lost_results:
        yield f"{count(missing, 'result')} of it never came here; what is judged is its last one"


def _of_login(transcript: Transcript, evidence: Evidence) -> Iterator[str]:
    ends = transcript.result.login_ends if transcript.result else None
    if ends and ends - (evidence.at or datetime.now(UTC)) < _LOGIN_AHEAD:
        at = f"{ends.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        yield f"the login of {evidence.machine} expires at {at}; log in again there"


def _of_stderr(transcript: Transcript, evidence: Evidence) -> Iterator[str]:
    if found := _UNTRUSTED.search(evidence.stderr):
        yield f"claude said: {found[0].strip()}"
    if not transcript.stopped_subagents and (found := _STOPPED_AGENTS.search(evidence.stderr)):
        yield f"claude said: {found[0].strip()}"
