"""What goes into a session and what comes out of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from miyabi.git import Changes
from miyabi.sessions.review import Review, Verdict
from miyabi.text import count


class Outcome(StrEnum):
    """How a task ended. Decided by evidence, in `miyabi.claude.outcome`."""

    SUCCEEDED = "succeeded"  # result event, exit 0, commits where expected, check passed
    NO_CHANGES = "no_changes"  # all well, but changes were expected and there is no commit
    OFF_BRANCH = "off_branch"  # it committed, but nothing on the task's branch: all of it is on the strays
    UNRESOLVED_CONFLICT = "unresolved_conflict"  # unmerged files or conflict markers that its base did not have
    SETUP_FAILED = "setup_failed"  # the set-up of its checkout did not pass: claude was not begun
    CHECK_FAILED = "check_failed"  # the node's check command did not pass in the checkout
    PERMISSION_DENIED = "permission_denied"  # tools were denied and nothing came of the session
    MAX_TURNS = "max_turns"  # ran into max_turns
    BUDGET_EXCEEDED = "budget_exceeded"  # ran into max_budget_usd, or what a budget of the settings had left
    TIMED_OUT = "timed_out"  # ran into timeout_minutes; its tree was ended
    STALLED = "stalled"  # not a byte of its stream came for stall_minutes; its tree was ended
    STOPPED = "stopped"  # we were asked to stop it
    KILLED = "killed"  # ended by a signal that was not ours, or without a result event
    USAGE_LIMIT = "usage_limit"  # the account's subscription limit; `resets_at` says until when
    API_UNAVAILABLE = "api_unavailable"  # 429, 5xx, 529, connection: may well work later
    API_REFUSED = "api_refused"  # 400, 404, billing, refusal, prompt too long: will not work later
    NOT_LOGGED_IN = "not_logged_in"  # 401, 403, no credentials on that machine
    LAUNCH_FAILED = "launch_failed"  # claude did not start: not found, bad flag, bad settings
    AGENT_ERROR = "agent_error"  # the result event itself says error, for any other reason
    MACHINE_LOST = "machine_lost"  # the machine went away and did not come back in time
    NOT_COLLECTED = "not_collected"  # it was started, but its end or its work was not collected: it is still there
    MERGE_CONFLICT = "merge_conflict"  # the upstreams' heads do not merge: nothing was started
    NOT_STARTED = "not_started"  # nothing could be started, or was to be; `error_text` says why
    SKIPPED = "skipped"  # an upstream did not succeed, or the run was ended before


BLAMELESS = frozenset(
    {
        Outcome.SETUP_FAILED,
        Outcome.STOPPED,
        Outcome.USAGE_LIMIT,
        Outcome.API_UNAVAILABLE,
        Outcome.NOT_LOGGED_IN,
        Outcome.LAUNCH_FAILED,
        Outcome.MACHINE_LOST,
        Outcome.NOT_COLLECTED,
        Outcome.MERGE_CONFLICT,
        Outcome.NOT_STARTED,
        Outcome.SKIPPED,
    }
)
"""Outcomes that say nothing of the task or of its work: another time may well go otherwise."""


def printer_of(outcome: Outcome) -> str:
    """Names what printed the last lines that a result with that outcome has."""
    return "set-up" if outcome is Outcome.SETUP_FAILED else "check"


def ending_words(outcome: Outcome, fix_ups: int) -> str:
    """Says the outcome of a task, and after how many fix-ups, where there were some."""
    return f"{outcome} after {count(fix_ups, 'fix-up')}" if fix_ups else str(outcome)


class Usage(BaseModel):
    """Tokens of a session."""

    model_config = ConfigDict(frozen=True)

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation_input_tokens: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.input_tokens + self.output_tokens + self.cache_read_input_tokens + self.cache_creation_input_tokens


class Strays(BaseModel):
    """Work of a session that its branch does not hold: on other branches, stashed, in other worktrees, taken back."""

    model_config = ConfigDict(frozen=True)

    branch: str = Field(description="The branch here that keeps it; one commit holds all of it")
    commits: int = 0
    files: int = 0
    insertions: int = 0
    deletions: int = 0


class InSubmodule(BaseModel):
    """Work of a session in a submodule that others do not have: a sentence without full stop, and what to run."""

    model_config = ConfigDict(frozen=True)

    text: str
    command: str = ""

    @property
    def words(self) -> str:
        """The sentence and, after a colon, the command."""
        return f"{self.text}: {self.command}" if self.command else self.text


class SessionResult(BaseModel):
    """What is known of a task when its session is over. Times are UTC, cost is US dollars."""

    model_config = ConfigDict(frozen=True)

    run: str
    task: str
    title: str = ""
    outcome: Outcome
    attempt: int = 1
    fix_ups: int = Field(0, description="How often a failure had gone back to the conversation when it ended so")
    machine: str | None = None
    account: str | None = Field(None, description="Claude account that it used, empty for the one without a name")
    placement_reason: str = ""
    session_id: str | None = None
    branch: str | None = None
    base: str | None = None
    head: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    turns: int = 0
    agent_seconds: float | None = Field(None, description="How long claude says that its turns took")
    cost_usd: float = 0.0
    cost_is_partial: bool = Field(False, description="Whether it cost at least that: it ended before it could say all")
    total_usd: float | None = Field(None, description="Claude's own count of the conversation's cost, after it")
    usage: Usage = Usage()
    final_message: str = ""
    error_kind: str | None = None
    error_text: str | None = None
    permission_denials: tuple[str, ...] = ()
    resets_at: datetime | None = None
    changes: Changes = Changes()
    notes: tuple[str, ...] = Field((), description="What else the reader should know, one sentence each")
    writes_lost: tuple[str, ...] = Field((), description="What claude could not save, as the machine's disk was full")
    strays: Strays | None = Field(None, description="What it did beside its branch, where it did")
    submodules: tuple[InSubmodule, ...] = Field((), description="What it did in submodules that others do not have")
    unresolved: tuple[str, ...] = Field((), description="Files with conflicts that nobody resolved")
    left_there: tuple[str, ...] = Field(
        (), description="Uncommitted files on the machine, too large or too many to bring"
    )
    check_exit_status: int | None = None
    check_output: str = Field("", description="The last lines of a check, or a set-up, that did not pass")
    review: Review | None = Field(
        None, description="What a second session says of its work; of that session's own result, what it answered"
    )
    rehearsal: bool = False
    by_hand: bool = Field(False, description="Whether a person went on with the conversation in a terminal")

    @property
    def ending(self) -> str:
        """Its outcome, and after how many fix-ups."""
        return ending_words(self.outcome, self.fix_ups)

    @property
    def was_begun(self) -> bool:
        """Whether it is of a session that began, or stands for the work of one that did."""
        return self.start is not None or self.branch is not None

    @property
    def succeeded(self) -> bool:
        """Whether dependants may build on it."""
        return self.outcome is Outcome.SUCCEEDED

    @property
    def is_under_review(self) -> bool:
        """Whether it is over but for the review of its work."""
        return self.review is not None and self.review.verdict is Verdict.PENDING

    @property
    def is_to_be_changed(self) -> bool:
        """Whether its review asks for changes."""
        return self.review is not None and self.review.verdict is Verdict.CHANGES_ASKED

    def unreviewed(self, reason: str) -> SessionResult:
        """Returns the same, with a review of which no verdict came, for that reason."""
        return self.model_copy(update={"review": Review(verdict=Verdict.UNREVIEWED, reason=reason)})

    @property
    def printed_by(self) -> str:
        """Whose last lines `check_output` has."""
        return printer_of(self.outcome)

    @property
    def conversation(self) -> str | None:
        """The conversation to take up again; None where nothing was said in it, or what was said is not all there."""
        return self.session_id if (self.turns or self.by_hand) and "transcript" not in self.writes_lost else None

    @property
    def is_collected(self) -> bool:
        """Whether all that its session left is here; else it may still be on the machine, alive or not."""
        if self.outcome is Outcome.MACHINE_LOST:
            return self.head is not None
        return self.outcome is not Outcome.NOT_COLLECTED

    @property
    def seconds(self) -> float:
        """Wall time of the session, 0 where it never started, and where a clock was set back meanwhile."""
        return max(0.0, (self.end - self.start).total_seconds()) if self.start and self.end else 0.0
