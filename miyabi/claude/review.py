"""What a session is told that reviews a task's work, and what its answer says. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from miyabi.sessions import Finding, Review, Verdict
from miyabi.text import clean, one_line, redact, render_markdown, shorten

REVIEW_TOOLS = ("Glob", "Grep", "Read")
"""All that a session has which reviews: it can read its checkout, and neither write nor run anything."""

MOST_FINDINGS = 30
DIFF_CHARACTERS = 200_000
_ASKED_CHARACTERS = 50_000
_FILE_CHARACTERS, _WHY_CHARACTERS = 300, 1_000
_LOOKED_AT = 8192  # of a text, before it is redacted and shortened

_FINDING: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "file": {"type": "string"},
        "line": {"type": ["integer", "null"]},
        "why": {"type": "string"},
    },
    "required": ["file", "line", "why"],
    "additionalProperties": False,
}
_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "verdict": {"type": "string", "enum": ["approve", "change"]},
        "findings": {"type": "array", "items": _FINDING},
    },
    "required": ["verdict", "findings"],
    "additionalProperties": False,
}

REVIEW_ARGUMENTS = ("--json-schema", json.dumps(_SCHEMA, separators=(",", ":")), "--tools", ",".join(REVIEW_TOOLS))
"""Arguments of claude by which it has no other tools, and answers in a form that `answered_review` reads."""


def review_prompt(asked: str, *, diff: str, changes: str) -> str:
    """Composes the message that starts the session which reviews.

    Args:
        asked: what the task was.
        diff: what was done.
        changes: how much that is, in words.
    """
    return render_markdown(
        "claude/review.md.jinja",
        asked=shorten(clean(asked).strip(), characters=_ASKED_CHARACTERS),
        diff=diff[:DIFF_CHARACTERS],
        is_cut=len(diff) > DIFF_CHARACTERS,
        changes=changes,
    )


def answered_review(answer: object) -> Review | None:
    """Reads the structured answer of a session that reviews; None where it is not of the form that was asked for.

    Nor is it where changes are asked for without saying which.
    """
    if not isinstance(answer, dict) or not isinstance(found := answer.get("findings"), list):
        return None
    findings = [_finding(each) for each in found]
    verdict = {"approve": Verdict.APPROVED, "change": Verdict.CHANGES_ASKED}.get(str(answer.get("verdict")))
    read = tuple(each for each in findings if each is not None)
    if verdict is None or len(read) < len(findings) or (verdict is Verdict.CHANGES_ASKED and not read):
        return None
    return Review(verdict=verdict, findings=read[:MOST_FINDINGS])


def _finding(entry: object) -> Finding | None:
    if not isinstance(entry, dict):
        return None
    file, line, why = entry.get("file"), entry.get("line"), entry.get("why")
    if not isinstance(file, str) or not isinstance(why, str) or not why.strip():
        return None
    if line is not None and (isinstance(line, bool) or not isinstance(line, int)):
        return None
    return Finding(file=_line(file, _FILE_CHARACTERS), line=line, why=_line(why, _WHY_CHARACTERS))


def _line(text: str, characters: int) -> str:
    """Redacted before it is cut, as half a secret is not known."""
    return one_line(redact(text[:_LOOKED_AT]), characters=characters)
