"""The outcome of a session, decided by evidence: what we did, how it exited, what it said last, what it left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from miyabi.claude import outcome_rules
from miyabi.claude.activity import tool_use_text
from miyabi.claude.evidence import Decision, Evidence
from miyabi.claude.known_failures import lost_writes
from miyabi.claude.review import answered_review
from miyabi.claude.session_notes import notes_of
from miyabi.claude.spending import Before, SpendingRecord
from miyabi.claude.transcript import Transcript, missing_command, missing_servers
from miyabi.claude.usage_limit import on_extra_usage
from miyabi.git import Changes
from miyabi.sessions import Outcome, Review, SessionResult, SessionSpec, is_reviewing
from miyabi.text import as_printed, clean, last_lines, one_line, redact, shorten

__all__ = ["Decision", "Evidence", "conclude", "decide"]

MESSAGE_CHARACTERS = 4000
_LOOKED_AT = 65536  # of a message, before it is redacted and shortened
_CHECK_LINES, _CHECK_BYTES = 50, 8192

_RULES: tuple[Callable[[Transcript, Evidence], Decision | None], ...] = (
    outcome_rules.lost,
    outcome_rules.setup_failed,
    outcome_rules.without_command,  # before ended_by_us: a session without its command is stopped by us
    outcome_rules.without_server,  # the same
    outcome_rules.out_of_tokens,  # the same
    on_extra_usage,  # the same
    outcome_rules.ended_by_us,
    outcome_rules.not_started,
    outcome_rules.aborted,
    outcome_rules.cut_off,
    outcome_rules.ran_out,
    outcome_rules.api_failed,
    outcome_rules.result_says_error,
    outcome_rules.exit_says_error,
    outcome_rules.checkout_gone,
    outcome_rules.leaked,
    outcome_rules.nothing_done,
    outcome_rules.conflicts_left,  # before check_failed, which may be so because of them
    outcome_rules.check_failed,
    outcome_rules.declared_failure,
)


def decide(transcript: Transcript, evidence: Evidence) -> Decision:
    """Decides by the first rule that says something; where none does, the session succeeded."""
    decisions = (rule(transcript, evidence) for rule in _RULES)
    return next((each for each in decisions if each is not None), Decision(outcome=Outcome.SUCCEEDED))


def conclude(
    spec: SessionSpec,
    *,
    transcript: Transcript,
    evidence: Evidence,
    changes: Changes,
    machine: str,
    start: datetime,
    end: datetime,
    head: str | None,
    placement_reason: str = "",
    before: Before | None = None,
    record: SpendingRecord | None = None,
    left_there: tuple[str, ...] = (),
) -> SessionResult:
    """Makes the attempt's result. What spec and changes already say goes into the evidence by itself.

    Args:
        spec: what was run.
        transcript: all that the session said.
        evidence: what else is known of it.
        changes: what its branch changed.
        machine: where it ran.
        start: when it began.
        end: when it ended.
        head: the commit that its branch is at.
        placement_reason: why this machine was chosen.
        before: what the conversation had cost when this attempt went on with it.
        record: what its transcript on the machine says that it cost.
        left_there: the files that stayed on the machine.
    """
    evidence = replace(evidence, at=end)
    completed = _completed(evidence, spec, transcript=transcript, changes=changes, head=head, machine=machine)
    decision, spend = decide(transcript, completed), transcript.spending.spent(before or Before(), record=record)
    return SessionResult(
        **_asked(spec),
        **_said(spec, transcript, evidence),
        **asdict(decision),
        machine=machine,
        placement_reason=placement_reason,
        head=head,
        start=start,
        end=end,
        cost_usd=spend.usd,
        cost_is_partial=spend.is_partial,
        total_usd=spend.total_usd,
        usage=spend.usage,
        notes=notes_of(transcript, completed),
        changes=changes,
        strays=evidence.strays,
        submodules=evidence.submodules,
        unresolved=evidence.unresolved,
        left_there=left_there,
        check_exit_status=evidence.check_exit,
        check_output=_last_lines(decision.outcome, evidence),
    )


def _asked(spec: SessionSpec) -> dict[str, Any]:
    """The fields of the result that were known before the session began."""
    return {
        "run": spec.run,
        "task": spec.task,
        "title": spec.title,
        "attempt": spec.attempt,
        "fix_ups": spec.fix_ups,
        "branch": spec.paths.branch,
        "base": spec.base or None,
        "rehearsal": spec.rehearse,
    }


def _said(spec: SessionSpec, transcript: Transcript, evidence: Evidence) -> dict[str, Any]:
    """The fields of the result that its output holds."""
    lost = transcript.writes_lost or lost_writes(evidence.stderr)
    return {
        "session_id": transcript.session_id,
        "turns": transcript.turns,
        "review": _answered(spec, transcript),
        "agent_seconds": transcript.agent_seconds,
        "final_message": _final_message(transcript),
        "permission_denials": tuple(one_line(redact(tool_use_text(d.tool, d.subject))) for d in transcript.denials),
        "writes_lost": lost.lost if lost else (),
    }


def _answered(spec: SessionSpec, transcript: Transcript) -> Review | None:
    """What a session that reviews has answered."""
    said = transcript.result
    return answered_review(said.structured_output) if said and is_reviewing(spec.task) else None


def _completed(
    evidence: Evidence,
    spec: SessionSpec,
    *,
    transcript: Transcript,
    changes: Changes,
    head: str | None,
    machine: str,
) -> Evidence:
    init = transcript.init
    return replace(
        evidence,
        commits=changes.commits if changes.files else 0,  # empty ones, and what was taken back, are no changes
        earlier_branch=spec.earlier_branch,
        added_nothing=spec.start_commit != "" and head == spec.start_commit,
        expect_changes=spec.expect_changes,
        expect_structured_output=is_reviewing(spec.task),
        check_asked=spec.check is not None,
        missing_command=evidence.missing_command or (missing_command(spec.prompt, init) if init else None),
        missing_servers=missing_servers(spec.requires_mcp, init) if init else (),
        machine=machine,
        task=spec.task,
        timeout_seconds=spec.timeout_seconds,
        budget_setting=spec.budget_setting,
        max_tokens=spec.max_tokens,
        tokens_setting=spec.tokens_setting,
        may_use_extra=spec.may_use_extra,
    )


def _last_lines(outcome: Outcome, evidence: Evidence) -> str:
    """Redacted before they are cut, as half a secret is not known, and cleaned before that."""
    logs = {Outcome.SETUP_FAILED: evidence.setup_log, Outcome.CHECK_FAILED: evidence.check_log}
    return last_lines(redact(as_printed(logs.get(outcome, ""))), lines=_CHECK_LINES, size=_CHECK_BYTES)


def _final_message(transcript: Transcript) -> str:
    message = transcript.result.message[:_LOOKED_AT] if transcript.result else ""
    return shorten(redact(clean(message)).strip(), characters=MESSAGE_CHARACTERS)
