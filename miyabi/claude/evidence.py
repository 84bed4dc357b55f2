"""What a session is judged by, and the judgement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from miyabi.claude.known_failures import Fault
from miyabi.claude.result_file import LegacyResult
from miyabi.sessions import InSubmodule, Outcome, Strays
from miyabi.text import one_line, redact

ERROR_CHARACTERS = 500
_LOOKED_AT = 8192  # of a situation, before it is redacted and shortened


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that is known of a session besides its output."""

    agent_exit: int | None = None  # as sh sees it: 143 for TERM; None where nobody saw it
    ended_by: str = "itself"  # as in `Status`; "timeout" and "stop" were ours, "lingered" too, after its last result
    lost: bool = False  # the machine or its supervisor went away
    stderr: str = ""
    commits: int = 0
    earlier_branch: str = ""  # of an earlier run, whose commits its checkout started with
    added_nothing: bool = False  # to those commits
    strays: Strays | None = None  # what it did beside its branch
    submodules: tuple[InSubmodule, ...] = ()  # what it did in those that others do not have
    unresolved: tuple[str, ...] = ()  # files with conflicts that nobody resolved
    leaked: tuple[str, ...] = ()  # files of `copy_files` that its branch holds
    expect_changes: bool = True
    checkout_gone: bool = False  # nothing of it was there any more when the session had ended
    free_kib: int | None = None  # on the disk of the machine's workspace, when the session was over
    check_asked: bool = False
    check_exit: int | None = None  # None: not asked, or not run to its end
    setup_log: str = ""  # what its set-up printed last
    check_log: str = ""  # what was printed last when the session was over: the check comes after the salvage
    expect_structured_output: bool = False
    missing_command: str | None = None  # the prompt names it, the session does not have it
    missing_servers: tuple[str, ...] = ()  # MCP servers that the node needs, and the session does not have
    legacy: LegacyResult | None = None
    machine: str = "the machine"
    task: str = "the task"
    timeout_seconds: float | None = None
    budget_setting: str = ""  # of [budget], where its limit in US dollars was the rest of that
    max_tokens: int | None = None
    tokens_setting: str = ""  # of [budget], of which that is the rest
    may_use_extra: bool = True  # what is paid for beyond the plan
    at: datetime | None = None  # when it ended; None: now


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The judgement. `error_text` is one line: the situation and the next step."""

    outcome: Outcome
    error_kind: str | None = None
    error_text: str | None = None
    resets_at: datetime | None = None


def decision(
    outcome: Outcome, kind: str, situation: str, advice: str, *, resets_at: datetime | None = None
) -> Decision:
    """Makes a judgement whose words fit one line and give away no secret; the advice is never what is cut."""
    advice = one_line(advice)
    said = one_line(redact(situation[:_LOOKED_AT]), characters=ERROR_CHARACTERS - len(advice)).rstrip(" .;:")
    return Decision(outcome=outcome, error_kind=kind, error_text=f"{said}; {advice}", resets_at=resets_at)


def decision_of(fault: Fault, situation: str, *, evidence: Evidence, resets_at: datetime | None = None) -> Decision:
    """Makes the judgement for a known fault."""
    advice = fault.advice.format(machine=evidence.machine, task=evidence.task)
    return decision(fault.outcome, fault.kind, situation, advice, resets_at=resets_at)
