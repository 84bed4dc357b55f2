"""What a headless session says while it works: one value an event, whatever its JSON looked like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from miyabi.claude.prices import ModelTotal, Tokens
from miyabi.sessions import Usage

NO_USAGE = Usage()


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSpend:
    """The tokens of one message. `parent`: of the subagent that it is of; not `is_whole`: before all of it was said."""

    message_id: str
    model: str
    tokens: Tokens
    parent: str = ""
    is_nested: bool = False
    is_whole: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Init:
    """A turn begins; the first one says what the session is made of."""

    session_id: str = ""
    model: str = ""
    cwd: str = ""
    version: str = ""
    permission_mode: str = ""
    api_key_source: str = ""
    slash_commands: frozenset[str] = frozenset()
    mcp_servers: Mapping[str, str] | None = None  # status by name; None: it does not say


@dataclass(frozen=True, slots=True, kw_only=True)
class AssistantText:
    """The model says something. `nested`: a subagent's model does."""

    text: str
    message_id: str = ""
    nested: bool = False
    spend: MessageSpend | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolUse:
    """The model uses a tool; `subject` is the command, the file or whatever describes the use best."""

    tool: str
    subject: str = ""
    tool_use_id: str = ""
    message_id: str = ""
    nested: bool = False
    spend: MessageSpend | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """A tool has answered. `is_missing`: there is no tool of that name in the session; `is_killed`: KILL ended it."""

    tool_use_id: str = ""
    is_error: bool = False
    is_missing: bool = False
    is_killed: bool = False
    nested: bool = False
    parent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitWindow:
    """One window of the account's limits, such as `five_hour`; `utilization` is the share that is used."""

    kind: str
    status: str = ""
    resets_at: datetime | None = None
    utilization: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """The account's limits. Rejected with a `resets_at` is the usage limit, without one a passing throttle.

    With `uses_extra` it is a limit that was met all the same, but extra usage pays for what comes after it.
    """

    status: str = ""
    resets_at: datetime | None = None
    kind: str = ""
    utilization: float | None = None
    needs_credits: bool = False  # no reset will help, only credits do
    uses_extra: bool = False
    windows: tuple[LimitWindow, ...] = ()  # all that it speaks of, that of `kind` too


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRetry:
    """The API failed and is asked again. `status` is None for the network."""

    attempt: int = 0
    max_retries: int = 0
    delay_seconds: float = 0.0
    status: int | None = None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionDenied:
    """A tool was denied to the model."""

    tool: str
    subject: str = ""
    tool_use_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiFailure:
    """The API failed for good in this turn; `result` follows. `status` is None for the network."""

    error: str = ""
    status: int | None = None
    api_error: str = ""
    text: str = ""
    resets_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundTasks:
    """How many commands and subagents now run in the background, `agents` of them subagents; a result ends none."""

    count: int = 0
    agents: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskStarted:
    """A command (`local_bash`) or a subagent (`local_agent`) begins."""

    task_id: str = ""
    kind: str = ""
    tool_use_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEnded:
    """A command or a subagent has come to its end; `stopped`: it was brought to it."""

    task_id: str = ""
    stopped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WritesLost:
    """The disk was full: the `output` or what claude keeps (`transcript`, `global_config`) is not all there."""

    reason: str = ""
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A turn is over. `usage`, `turns` and `seconds` are of this turn, `total_cost_usd` is of all the conversation."""

    subtype: str = ""
    is_error: bool = False
    terminal_reason: str = ""
    stop_reason: str = ""
    text: str = ""
    errors: tuple[str, ...] = ()
    session_id: str = ""
    turns: int = 0
    seconds: float = 0.0
    total_cost_usd: float = 0.0
    usage: Usage = NO_USAGE
    denials: tuple[PermissionDenied, ...] = ()
    api_error_status: int | None = None
    api_error: str = ""
    startup_failure: str = ""
    has_structured_output: bool = False
    structured_output: object = None
    index: int | None = None
    killed_subagents: int = 0
    models: Mapping[str, ModelTotal] = field(default_factory=dict)  # cost and tokens of the conversation so far
    login_ends: datetime | None = None  # when the login expires that it worked with

    @property
    def message(self) -> str:
        """What it says, be it an answer or errors."""
        return self.text or "\n".join(self.errors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """Anything else; newer versions may say things that we do not know."""

    type: str = ""
    subtype: str = ""
    message_id: str = ""
    nested: bool = False
    spend: MessageSpend | None = None


Event = (
    Init
    | AssistantText
    | ToolUse
    | ToolResult
    | RateLimit
    | ApiRetry
    | PermissionDenied
    | ApiFailure
    | BackgroundTasks
    | TaskStarted
    | TaskEnded
    | WritesLost
    | Result
    | Other
)
