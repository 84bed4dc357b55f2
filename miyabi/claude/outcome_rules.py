"""The rules that decide an outcome; the order in which they are asked stands in `miyabi.claude.outcome`.

Each gives its decision, or None where it says nothing of the session.
"""

from __future__ import annotations

import re
import signal
from datetime import UTC, datetime

from miyabi.claude.activity import tool_use_text
from miyabi.claude.events import ApiFailure, ApiRetry, RateLimit, Result
from miyabi.claude.evidence import Decision, Evidence, decision, decision_of
from miyabi.claude.known_failures import (
    API_ERRORS,
    ASSISTANT_ERRORS,
    BILLING,
    BILLING_TEXT,
    DISK_FULL,
    LAUNCH_EXIT,
    MCP_SERVER,
    NETWORK,
    NOT_LOGGED_IN,
    NOT_LOGGED_IN_TEXT,
    REASONS,
    STARTUP_FAULTS,
    UNKNOWN_LAUNCH,
    Fault,
    by_launch_text,
    by_status,
    lost_output,
    with_key,
)
from miyabi.claude.transcript import Transcript
from miyabi.claude.usage_limit import limited, met_limit
from miyabi.claude.usage_limit_text import limit_in_words
from miyabi.sessions import Outcome, strays_words
from miyabi.text import last_message, several

_GO_ON = "the conversation can go on"
_RATE_LIMIT_TEXT = re.compile(r"rate limit reached|temporarily limiting requests|too many requests", re.IGNORECASE)
_API_STATUS = re.compile(r"^API Error: (\d{3})\b")
_ROOM_KIB = 256  # less, and nothing can be said to work there; as workspace.sh has it
_NO_COMMAND = frozenset({126, 127})
_FROM_SIGNAL = 128
_SIGNALLED = frozenset(range(-64, 0)) | frozenset(range(_FROM_SIGNAL + 1, _FROM_SIGNAL + 65))


def lost(_: Transcript, evidence: Evidence) -> Decision | None:
    """Decides MACHINE_LOST where the machine went away."""
    if not evidence.lost:
        return None
    situation = f"{evidence.machine} lost the session: its supervisor is gone and left no exit status"
    return decision(Outcome.MACHINE_LOST, "machine_lost", situation, "was it rebooted? The task can run elsewhere")


def setup_failed(_: Transcript, evidence: Evidence) -> Decision | None:
    """Decides SETUP_FAILED where the agent was not begun because its checkout could not be set up."""
    if evidence.ended_by not in {"setup", "setup_timeout"}:
        return None
    status, where = evidence.agent_exit, evidence.machine
    how = "ran into its time limit" if evidence.ended_by == "setup_timeout" else f"ended with exit status {status}"
    situation = f"the set-up of {evidence.task} {how} on {where}, so claude was not begun"
    advice = "read setup.log beside the session's output"
    if evidence.ended_by == "setup_timeout":
        advice = f"raise setup_timeout_minutes, or {advice}"
    elif status in _NO_COMMAND:
        advice = f"install what it calls on {where}, or {advice}"
    return decision(Outcome.SETUP_FAILED, "setup_failed", situation, advice)


def without_command(_: Transcript, evidence: Evidence) -> Decision | None:
    """Decides AGENT_ERROR where the prompt names a command that does not exist."""
    if evidence.missing_command is None:
        return None
    name = evidence.missing_command
    situation = f"there is no command /{name} in the checkout of {evidence.task} on {evidence.machine}"
    return decision(
        Outcome.AGENT_ERROR, "missing_command", situation, f"commit .claude/commands/{name}.md, or mend the prompt"
    )


def without_server(_: Transcript, evidence: Evidence) -> Decision | None:
    """Decides LAUNCH_FAILED where an MCP server that the task needs did not start."""
    if not evidence.missing_servers:
        return None
    named = several(evidence.missing_servers, most=_NAMED)
    situation = f"{evidence.task} needs MCP servers that did not start on {evidence.machine}: {named}"
    return decision_of(MCP_SERVER, situation, evidence=evidence)


def out_of_tokens(transcript: Transcript, evidence: Evidence) -> Decision | None:
    """Decides BUDGET_EXCEEDED where we ended it because of the tokens that it had used: claude has no such limit."""
    if evidence.ended_by != "stop" or evidence.max_tokens is None or transcript.tokens < evidence.max_tokens:
        return None
    situation = f"the session has used {transcript.tokens:,} of {evidence.max_tokens:,} tokens"
    kind = f"budget.{evidence.tokens_setting}"
    return decision(Outcome.BUDGET_EXCEEDED, kind, situation, f"raise {kind}, or split {evidence.task}")


def ended_by_us(transcript: Transcript, evidence: Evidence) -> Decision | None:
    """Decides STOPPED, STALLED or TIMED_OUT where we ended it, or what an API means that failed until then."""
    if evidence.ended_by == "stop":
        return decision(Outcome.STOPPED, "stopped", "the session was stopped on request", _GO_ON)
    if evidence.ended_by == "stalled":
        situation = f"the session on {evidence.machine} said nothing for so long that it was taken for hung"
        advice = f"read what it did last; where a tool of {evidence.task} may take so long, raise stall_minutes"
        return decision(Outcome.STALLED, "stalled", situation, advice)
    if evidence.ended_by == "timeout":
        minutes = f" of {evidence.timeout_seconds / 60:g} min" if evidence.timeout_seconds else ""
        situation = f"the session ran into its time limit{minutes}"
        if transcript.outage:
            return _outlasted(transcript, transcript.outage, evidence, situation)
        advice = f"raise timeout_minutes of {evidence.task}, or split it"
        return decision(Outcome.TIMED_OUT, "timeout", situation, advice)
    return None


def _outlasted(transcript: Transcript, last: ApiRetry, evidence: Evidence, situation: str) -> Decision:
    """An API that failed until our time limit: what it said the last time, as if claude had given up then."""
    fault = ASSISTANT_ERRORS.get(last.error) or by_status(last.status) or NETWORK
    source = transcript.init.api_key_source if transcript.init else ""
    said = " ".join(str(word) for word in (last.status, last.error) if word and word != "unknown") or "no answer"
    return decision_of(with_key(fault, source), f"{situation} while the API failed ({said})", evidence=evidence)


def not_started(transcript: Transcript, evidence: Evidence) -> Decision | None:
    """Decides where claude failed to start, or broke down before it said a result: KILLED, or what its words mean."""
    result = transcript.result
    if result is None:
        return _without_result(transcript, evidence)
    if result.startup_failure or (result.is_error and result.turns == 0 and result.errors):
        fault = STARTUP_FAULTS.get(result.startup_failure) or by_launch_text(result.message) or UNKNOWN_LAUNCH
        return decision_of(fault, result.message or result.startup_failure, evidence=evidence)
    return None


def _without_result(transcript: Transcript, evidence: Evidence) -> Decision:
    status = evidence.agent_exit
    if killed := _killed(evidence):
        return killed
    if status == 0:
        situation = f"claude on {evidence.machine} ended without a result event (interrupted?)"
        return decision(Outcome.KILLED, "no_result", situation, _GO_ON)
    said = _said(transcript, evidence)
    fault = LAUNCH_EXIT.get(status or 0) or by_launch_text(said)
    began = transcript.init is not None or lost_output(evidence.stderr)
    if began and (fault is None or fault is DISK_FULL):
        situation = f"claude on {evidence.machine} broke down with exit status {status}: {last_message(said)}"
        return decision(Outcome.KILLED, "crashed", situation, _GO_ON)
    situation = f"claude did not start on {evidence.machine}: {last_message(said) or f'exit status {status}'}"
    return decision_of(fault or UNKNOWN_LAUNCH, situation, evidence=evidence)


def _said(transcript: Transcript, evidence: Evidence) -> str:
    """What it said besides its stream; where that is nothing, that there is no room for a word."""
    said = "\n".join((*transcript.stray, evidence.stderr))
    if said.strip() or evidence.free_kib is None or evidence.free_kib >= _ROOM_KIB:
        return said
    return f"No space left on device: {evidence.free_kib} KiB are free there"


def _killed(evidence: Evidence) -> Decision | None:
    status = evidence.agent_exit
    if status is not None and status not in _SIGNALLED:
        return None
    if status is None:
        situation = f"the session on {evidence.machine} is over and left no exit status"
        return decision(Outcome.KILLED, "no_exit_status", situation, _GO_ON)
    name = _signal_name(-status if status < 0 else status - _FROM_SIGNAL)
    advice = f"look for memory pressure on {evidence.machine}; {_GO_ON}" if name == "SIGKILL" else _GO_ON
    return decision(Outcome.KILLED, "killed", f"claude on {evidence.machine} was ended by {name}, not by us", advice)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def aborted(transcript: Transcript, evidence: Evidence) -> Decision | None:
    """Decides KILLED where it was interrupted in the middle of a turn. SIGINT does that and gives exit status 0."""
    if transcript.result is None or not transcript.result.terminal_reason.startswith("aborted_"):
        return None
    situation = f"claude on {evidence.machine} was interrupted in the middle of a turn, not by us"
    return decision(Outcome.KILLED, "interrupted", situation, _GO_ON)


def cut_off(transcript: Transcript, evidence: Evidence) -> Decision | None:
    """Decides KILLED where it ended in a turn that came after its last result: that result says nothing of it."""
    if not transcript.is_cut_off or evidence.ended_by == "lingered":
        return None
    situation = f"claude on {evidence.machine} ended in the middle of a turn, after an earlier turn's result"
    return _killed(evidence) or decision(Outcome.KILLED, "cut_off", situation, _GO_ON)


def ran_out(transcript: Transcript, evidence: Evidence) -> Decision | None:
    """Decides MAX_TURNS or BUDGET_EXCEEDED where it ran into a limit that we set."""
    said = {transcript.result.subtype, transcript.result.terminal_reason} if transcript.result else set()
    if said & {"error_max_turns", "max_turns"}:
        return decision(
            Outcome.MAX_TURNS, "max_turns", _message(transcript), f"raise max_turns of {evidence.task}, or split it"
        )
    if said & {"error_max_budget_usd", "budget_exhausted"}:
        of = evidence.budget_setting
        advice = f"raise {f'budget.{of}' if of else f'max_budget_usd of {evidence.task}'}, or split it"
        message = _message(transcript)
        if transcript.result and transcript.result.stop_reason == "end_turn":  # claude looks only afterwards
            message = f"{message} when the model had finished: its branch may be complete"
        return decision(Outcome.BUDGET_EXCEEDED, f"budget.{of}" if of else "max_budget_usd", message, advice)
    return None


def _message(transcript: Transcript) -> str:
    return transcript.result.message if transcript.result else ""


def api_failed(transcript: Transcript, evidence: Evidence) -> Decision | None:
    """Decides what an API that failed means, for this account or for now."""
    result, failure = transcript.result, transcript.api_failure or ApiFailure()
    if result is None:
        return None
    rejected = transcript.rate_limit or RateLimit()
    rejected = rejected if rejected.status == "rejected" else RateLimit()
    said_limit = limit_in_words(result.message or failure.text, now=evidence.at or datetime.now(UTC))
    if not result.is_error and not (said_limit and (rejected.status or transcript.api_failure)):
        return None
    fault = _api_fault(result, failure)
    if limit := met_limit(result, failure, rejected=rejected, said_limit=said_limit, is_explained=fault is not None):
        if rejected.needs_credits or BILLING_TEXT.search(result.message[:1000]):
            return decision_of(BILLING, result.message, evidence=evidence)
        return limited(result.message, evidence, resets_at=limit.resets_at)
    fault = fault or (NETWORK if result.terminal_reason == "api_error" else None)
    if fault is None:
        return None
    source = transcript.init.api_key_source if transcript.init else ""
    return decision_of(with_key(fault, source), result.message or failure.text, evidence=evidence)


def _api_fault(result: Result, failure: ApiFailure) -> Fault | None:
    """The closest word first: `api_error`, the reason of the end, the message's `error`, the HTTP status, the text."""
    written, begin = _API_STATUS.match(result.message), result.message[:1000]
    return (
        API_ERRORS.get(result.api_error)
        or API_ERRORS.get(failure.api_error)
        or REASONS.get(result.terminal_reason)
        or REASONS.get(result.stop_reason)
        or ASSISTANT_ERRORS.get(failure.error)
        or by_status(result.api_error_status or failure.status or (int(written[1]) if written else None))
        or (NOT_LOGGED_IN if NOT_LOGGED_IN_TEXT.search(begin) else None)
        or (BILLING if BILLING_TEXT.search(begin) else None)
        or (ASSISTANT_ERRORS["rate_limit"] if _RATE_LIMIT_TEXT.search(begin) else None)
    )


def result_says_error(transcript: Transcript, evidence: Evidence) -> Decision | None:
    """Decides AGENT_ERROR where the result itself says that it is none."""
    result = transcript.result
    if result is None:
        return None
    good = not result.is_error and result.subtype == "success" and result.terminal_reason in {"", "completed"}
    if not good:
        reason = result.terminal_reason or result.subtype or "error"
        situation = f"claude ended with {reason}: {result.message}"
        return decision(Outcome.AGENT_ERROR, reason, situation, f"read the session's output of {evidence.task}")
    if evidence.expect_structured_output and not result.has_structured_output:
        situation = "the model never gave the structured output it was asked for"
        return decision(Outcome.AGENT_ERROR, "no_structured_output", situation, f"reword the prompt of {evidence.task}")
    return None


def exit_says_error(_: Transcript, evidence: Evidence) -> Decision | None:
    """Decides KILLED or AGENT_ERROR where it exited badly, whatever its result says.

    Of a session that was ended after its result the exit status says nothing.
    """
    if evidence.agent_exit == 0 or evidence.ended_by == "lingered" or lost_output(evidence.stderr):
        return None
    situation = (
        f"claude claimed success and ended with exit status {evidence.agent_exit}: {last_message(evidence.stderr)}"
    )
    advice = f"read the session's stderr of {evidence.task}"
    return _killed(evidence) or decision(Outcome.AGENT_ERROR, "exit_status", situation, advice)


_NAMED = 3


def checkout_gone(_: Transcript, evidence: Evidence) -> Decision | None:
    """Decides AGENT_ERROR where the checkout was removed while the session ran."""
    if not evidence.checkout_gone:
        return None
    situation = (
        f"the checkout of {evidence.task} on {evidence.machine} was removed while the session ran, with all that it had"
    )
    return decision(
        Outcome.AGENT_ERROR, "checkout_removed", situation, "read the session's output for the command that did it"
    )


def leaked(_: Transcript, evidence: Evidence) -> Decision | None:
    """Decides AGENT_ERROR where its branch holds a file that was lent to its checkout: that is not collected."""
    if not evidence.leaked:
        return None
    named = several(evidence.leaked, most=_NAMED)
    situation = (
        f"the session of {evidence.task} committed what copy_files lent it ({named}), so its branch was left there"
    )
    advice = f"take that out of its history on {evidence.machine}, or have it done again"
    return decision(Outcome.AGENT_ERROR, "copied_file_committed", situation, advice)


def nothing_done(transcript: Transcript, evidence: Evidence) -> Decision | None:
    """Decides where nothing is changed that should be: OFF_BRANCH, PERMISSION_DENIED or NO_CHANGES.

    A session that was allowed nothing at all is PERMISSION_DENIED also where no change is expected, and where all
    changes are an earlier run's.
    """
    is_barred = transcript.was_denied_all
    has_changes = evidence.commits and not (evidence.added_nothing and is_barred)
    if has_changes or not (evidence.expect_changes or is_barred):
        return None
    beside = strays_words(evidence.strays) if evidence.strays else next((e.text for e in evidence.submodules), None)
    if beside:  # a branch without changes names what it began with of each submodule: what is known of one is beside it
        situation = f"the session of {evidence.task} left nothing on its branch, but {beside}"
        advice = "merge that by hand, or reword its prompt: its work is to be on the branch that it starts on"
        return decision(Outcome.OFF_BRANCH, "off_branch", situation, advice)
    if evidence.unresolved:
        return None
    if denied := _denied(transcript, evidence):
        return denied
    situation = f"the session of {evidence.task} ended well and left no change"
    return decision(
        Outcome.NO_CHANGES, "no_changes", situation, "reword its prompt, or set its expect_changes to false"
    )


def _denied(transcript: Transcript, evidence: Evidence) -> Decision | None:
    if transcript.missing_tools and transcript.was_denied_all:
        names = ", ".join(transcript.missing_tools[:3])
        situation = f"nothing was done: the session of {evidence.task} does not have the tools that it used ({names})"
        advice = f"allow them in allowed_tools of {evidence.task}, or name other ones in its prompt"
        return decision(Outcome.PERMISSION_DENIED, "missing_tools", situation, advice)
    if not transcript.denials:
        return None
    first, count = transcript.denials[0], len(transcript.denials)
    many = "a tool use was denied" if count == 1 else f"{count} tool uses were denied, the first"
    situation = f"nothing was committed, and {many}: {tool_use_text(first.tool, first.subject)}"
    advice = f"allow them in allowed_tools of {evidence.task}, or use another permission_mode"
    return decision(Outcome.PERMISSION_DENIED, "permission_denied", situation, advice)


def conflicts_left(_: Transcript, evidence: Evidence) -> Decision | None:
    """Decides UNRESOLVED_CONFLICT where its work holds conflicts that it did not resolve."""
    if not evidence.unresolved:
        return None
    named = several(evidence.unresolved, most=_NAMED)
    situation = f"the session of {evidence.task} left conflicts that nobody resolved in {named}"
    return decision(Outcome.UNRESOLVED_CONFLICT, "unresolved_conflict", situation, "resolve them on its branch")


def check_failed(_: Transcript, evidence: Evidence) -> Decision | None:
    """Decides CHECK_FAILED where the check did not pass, or did not run to its end."""
    if not evidence.check_asked or evidence.check_exit == 0:
        return None
    how = "did not run to its end" if evidence.check_exit is None else f"ended with exit status {evidence.check_exit}"
    situation = f"the check of {evidence.task} {how} on {evidence.machine}"
    return decision(Outcome.CHECK_FAILED, "check_failed", situation, "read check.log beside the session's output")


def declared_failure(_: Transcript, evidence: Evidence) -> Decision | None:
    """Decides AGENT_ERROR where the agent's own result file says that it failed.

    That a file says success proves nothing.
    """
    legacy = evidence.legacy
    if legacy is None or not legacy.declares_failure:
        return None
    situation = f"the agent's result file declares failure: {legacy.error or legacy.message or 'without a reason'}"
    return decision(Outcome.AGENT_ERROR, "declared_failure", situation, f"look at the branch of {evidence.task}")
