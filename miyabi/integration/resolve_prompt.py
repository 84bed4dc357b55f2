"""What a session is told that resolves a merge. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from miyabi.claude.prompt import HOUSE_RULES
from miyabi.integration.conflict import Conflict
from miyabi.sessions.result import SessionResult
from miyabi.text.sanitize import clean, one_line, shorten

_MESSAGE_CHARACTERS = 2_000
_FILES = 50

_HOW = """\
Your checkout stands on a commit that already joins both sides: you need no `git merge`. The files in conflict hold \
git's conflict markers. The lines after `<<<<<<< {ours}` are what was merged so far, \
the lines before `>>>>>>> {theirs}` are what this task did.
- Resolve every file below so that both sides' intentions hold, take every conflict marker out, \
and see that the rest of the code goes with it.
- `git log -p {ours}..{theirs}` shows what this task did, `git log -p {theirs}..{ours}` what the other side did.
- Change nothing that the conflict does not call for.
- Commit the resolution. Where a file is right as it stands, say so in the message; \
if nothing is to be changed at all, make an empty commit (`git commit --allow-empty`)."""


def resolve_prompt(conflict: Conflict, *, sides: Sequence[SessionResult] = (), check: str | None = None) -> str:
    """The message that starts the session which resolves a conflict.

    Args:
        conflict: what does not merge.
        sides: results of the tasks that changed the files in conflict, the one to be merged included.
        check: command that must pass in the checkout afterwards.
    """
    what = f"The work of task {_name(conflict.task, conflict.title)} does not merge with what was merged before it."
    parts = [
        f"# Resolve a merge conflict\n\n{what}",
        _HOW.format(ours=conflict.ours, theirs=conflict.theirs),
        _listed("Files in conflict", conflict.files),
        _listed("What git says", conflict.messages),
        _sides(sides),
        f"## Rules\n\n{HOUSE_RULES}",
        f"When you are done, this command is run in your checkout and must pass:\n\n{_quoted(check)}" if check else "",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _name(task: str, title: str) -> str:
    line = one_line(title)
    return f"{task} ({line})" if line and line != task else task


def _listed(title: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    more = [f"- and {len(lines) - _FILES} more"] if lines[_FILES:] else []
    return "\n".join([f"## {title}\n", *(f"- {one_line(line, characters=500)}" for line in lines[:_FILES]), *more])


def _sides(results: Sequence[SessionResult]) -> str:
    if not results:
        return ""
    told = [f"### {_name(result.task, result.title)}\n\n{_quoted(_said(result))}" for result in results]
    return "\n\n".join(["## What the tasks reported\n\nTheir words are quoted as they came.", *told])


def _said(result: SessionResult) -> str:
    text = clean(result.final_message).strip()
    return shorten(text, characters=_MESSAGE_CHARACTERS) if text else "(nothing)"


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())
