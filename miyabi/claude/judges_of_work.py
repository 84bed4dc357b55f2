"""The judges of what a session left, for one that itself ended well."""

from __future__ import annotations

from miyabi.claude.activity import told
from miyabi.claude.evidence import Evidence, Verdict, verdict
from miyabi.claude.transcript import Transcript
from miyabi.sessions.result import Outcome
from miyabi.sessions.work_elsewhere import strays_words
from miyabi.text.units import several

_NAMED = 3


def checkout_gone(_: Transcript, evidence: Evidence) -> Verdict | None:
    """Was the checkout removed while the session ran?"""
    if not evidence.checkout_gone:
        return None
    situation = (
        f"the checkout of {evidence.task} on {evidence.machine} was removed while the session ran, with all that it had"
    )
    return verdict(
        Outcome.AGENT_ERROR, "checkout_removed", situation, "read the session's output for the command that did it"
    )


def nothing_done(transcript: Transcript, evidence: Evidence) -> Verdict | None:
    """Is nothing changed where something should be, or was it allowed nothing at all?"""
    if evidence.commits or not (evidence.expect_changes or transcript.was_denied_all):
        return None
    beside = strays_words(evidence.strays) if evidence.strays else next((e.text for e in evidence.submodules), None)
    if beside:  # a branch without changes names what it began with of each submodule: what is told of one is beside it
        situation = f"the session of {evidence.task} left nothing on its branch, but {beside}"
        advice = "merge that by hand, or reword its prompt: its work is to be on the branch that it starts on"
        return verdict(Outcome.OFF_BRANCH, "off_branch", situation, advice)
    if evidence.unresolved:
        return None
    if denied := _denied(transcript, evidence):
        return denied
    situation = f"the session of {evidence.task} ended well and left no change"
    return verdict(Outcome.NO_CHANGES, "no_changes", situation, "reword its prompt, or set its expect_changes to false")


def _denied(transcript: Transcript, evidence: Evidence) -> Verdict | None:
    if transcript.missing_tools and transcript.was_denied_all:
        names = ", ".join(transcript.missing_tools[:3])
        situation = f"nothing was done: the session of {evidence.task} does not have the tools that it used ({names})"
        advice = f"allow them in allowed_tools of {evidence.task}, or name other ones in its prompt"
        return verdict(Outcome.PERMISSION_DENIED, "missing_tools", situation, advice)
    if not transcript.denials:
        return None
    first, count = transcript.denials[0], len(transcript.denials)
    many = "a tool use was denied" if count == 1 else f"{count} tool uses were denied, the first"
    situation = f"nothing was committed, and {many}: {told(first.tool, first.subject)}"
    advice = f"allow them in allowed_tools of {evidence.task}, or use another permission_mode"
    return verdict(Outcome.PERMISSION_DENIED, "permission_denied", situation, advice)


def conflicts_left(_: Transcript, evidence: Evidence) -> Verdict | None:
    """Does its work hold conflicts that it did not resolve?"""
    if not evidence.unresolved:
        return None
    named = several(evidence.unresolved, most=_NAMED)
    situation = f"the session of {evidence.task} left conflicts that nobody resolved in {named}"
    return verdict(Outcome.UNRESOLVED_CONFLICT, "unresolved_conflict", situation, "resolve them on its branch")


def check_failed(_: Transcript, evidence: Evidence) -> Verdict | None:
    """Did the check not pass?"""
    if not evidence.check_asked or evidence.check_exit == 0:
        return None
    how = "did not run to its end" if evidence.check_exit is None else f"ended with exit status {evidence.check_exit}"
    situation = f"the check of {evidence.task} {how} on {evidence.machine}"
    return verdict(Outcome.CHECK_FAILED, "check_failed", situation, "read check.log beside the session's output")


def declared_failure(_: Transcript, evidence: Evidence) -> Verdict | None:
    """Does the agent's own result file say that it failed? That one says success proves nothing."""
    legacy = evidence.legacy
    if legacy is None or not legacy.declares_failure:
        return None
    situation = f"the agent's result file declares failure: {legacy.error or legacy.message or 'without a reason'}"
    return verdict(Outcome.AGENT_ERROR, "declared_failure", situation, f"look at the branch of {evidence.task}")
