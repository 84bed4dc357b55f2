"""The tables of `config.toml` but for the machines."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, Strict

from miyabi.machines import Account, EnvironmentName, Label, Strategy
from miyabi.options import Effort, ExtraArguments, FileOrTable, MachinePath, RepositoryPattern, Version, Word
from miyabi.system import next_moment

PUBLIC_API = "https://api.github.com"
_TEMPLATE = """\
{body}

{comments}

Where a commit message names an issue, write `Refs #{number}`; leave out words such as `Fixes` and `Closes`."""


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class IntegrationSettings(_Table):
    """How a run's branches become one."""

    verify: tuple[str, ...] = Field((), description="Shell commands that must pass on the integrated tree, in order")
    verify_timeout_minutes: float = Field(30, gt=0, description="Minutes after which one of them is ended")
    verify_rounds: int = Field(5, ge=1, description="How often the whole is verified while culprits are left out")
    resolve_conflicts: bool = Field(
        default=False,
        description="Give a conflict that has no conversation to go back to, to a session of its own",
    )

    @property
    def verify_timeout_seconds(self) -> float:
        """Seconds after which one of them is ended."""
        return 60 * self.verify_timeout_minutes


class ReviewSettings(_Table):
    """Which tasks' work a second session reads before it counts, and what that session gets."""

    sessions: bool = Field(default=False, description="Have a session of its own review the work of each task")
    types: tuple[Literal["feature", "bug", "refactor", "docs", "test", "deployment"], ...] = Field(
        (), description="Review tasks of these types"
    )
    labels: tuple[Label, ...] = Field((), description="Review tasks that require one of these labels")
    priorities: tuple[Annotated[int, Field(ge=1, le=10)], ...] = Field(
        (), description="Review tasks of these priorities"
    )
    model: str | None = Field(None, description="Model of the session that reviews; empty: the task's")
    max_turns: int | None = Field(50, ge=1, description="Turns after which it is ended")
    max_budget_usd: float | None = Field(
        None, gt=0, description="US dollars after which one is ended; none of it counts against the task's"
    )
    timeout_minutes: float = Field(15, gt=0, description="Minutes after which it is ended")

    def concerns(self, *, type: str, labels: Collection[str], priority: int) -> bool:  # noqa: A002 - the field's name
        """Returns whether the work of a task is reviewed that has this type, these labels and this priority."""
        has_label = not frozenset(self.labels).isdisjoint(labels)
        return self.sessions or has_label or type in self.types or priority in self.priorities


_Usd = Annotated[float, Field(gt=0)]
_Tokens = Annotated[int, Field(ge=1)]


class BudgetSettings(_Table):
    """What may be spent: by one session, a task, a run, a milestone, and an account on one day. Empty: no limit."""

    session_usd: _Usd | None = Field(None, description="US dollars of one session")
    session_tokens: _Tokens | None = Field(None, description="Tokens of one session, those of the cache too")
    task_usd: _Usd | None = Field(
        None, description="US dollars of a task in a run: all attempts, fix-ups, reviews and merges that went back"
    )
    task_tokens: _Tokens | None = Field(None, description="Tokens of the same")
    run_usd: _Usd | None = Field(None, description="US dollars of a run")
    run_tokens: _Tokens | None = Field(None, description="Tokens of a run")
    milestone_usd: _Usd | None = Field(None, description="US dollars of a milestone, over all of its runs")
    milestone_tokens: _Tokens | None = Field(None, description="Tokens of the same")
    day_usd: _Usd | None = Field(
        None,
        description="US dollars of a Claude account on a calendar day, by this computer's clock",
    )
    day_tokens: _Tokens | None = Field(None, description="Tokens of the same")


class QuotaSettings(_Table):
    """How the usage limits of Claude accounts are shared out. They close an account for everybody in any case."""

    pace: bool = Field(
        default=False, description="Slow starts down after a warning, so that a window lasts to its end, or the run's"
    )
    weekly_share: float | None = Field(
        None, gt=0, le=1, description="Share of a weekly limit that may be used from noon to noon; empty: all of it"
    )
    never_use_extra_usage: bool = Field(
        default=True, description="Treat usage that is paid for beyond the plan as a limit that was met"
    )
    use_fallback_model: bool = Field(
        default=False, description="Where only the limit of a task's model is met, run it with its fallback_model"
    )


class GitHubSettings(_Table):
    """Which repository at GitHub. The credential is never here: it comes from a block or the environment."""

    repository: str | None = Field(None, description="owner/name; empty: what the remote's address says")
    base_url: str | None = Field(
        None, description=f"The API's root, e.g. https://host/api/v3; empty: of the remote's host, or {PUBLIC_API}"
    )
    remote: str = Field("origin", min_length=1, description="Git remote that branches are pushed to")
    max_file_mib: float = Field(
        100, gt=0, description="Mebibytes over which GitHub takes no file; a task that committed one is left out"
    )
    timeout_seconds: float = Field(30, gt=0, description="Seconds for one request")
    write_interval_seconds: float = Field(1, ge=0, description="Seconds between two writes; GitHub asks for one")
    max_wait_minutes: float = Field(65, ge=0, description="How long a rate limit is waited for")

    @property
    def max_wait_seconds(self) -> float:
        """Seconds for which a rate limit is waited for."""
        return 60 * self.max_wait_minutes


class PullRequestMode(StrEnum):
    """How many pull requests a run has."""

    ONE = "one"  # one for the whole run
    PER_TASK = "per-task"  # one a task, each stacked on its upstream


class PullRequestSettings(_Table):
    """What the pull request of a run looks like."""

    mode: PullRequestMode = Field(PullRequestMode.ONE, description="one for the run, or one a task (per-task)")
    base: str | None = Field(None, description="Base branch; empty: the run's, else the repository's default branch")
    draft: bool = Field(default=False, description="Open it as a draft")
    labels: tuple[str, ...] = Field((), description="Labels that it gets")
    reviewers: tuple[str, ...] = Field((), description="Logins, or owner/team, that are asked for a review")
    assignees: tuple[str, ...] = Field((), description="Logins that it is assigned to")
    milestone: int | None = Field(None, ge=1, description="Number of its milestone; empty: that of the run")
    statuses: bool = Field(default=True, description="Set a commit status for each task")
    auto_merge: Literal["", "squash", "merge", "rebase"] = Field(
        "", description="How GitHub merges it by itself as soon as it may, where the repository allows that; empty: not"
    )


class MilestoneSettings(_Table):
    """Which issues of a milestone are run, and what is written there."""

    label: str = Field("miyabi", min_length=1, description="Label that says: run this; set by somebody who may write")
    template: str = Field(
        _TEMPLATE,
        description="What a session is told, with {title}, {body}, {comments}, {number}, {url} and {author} filled in",
    )
    max_tries: int = Field(3, ge=1, description="Runs that may fail on an issue before its text has to change")
    hand_over: bool = Field(
        default=True, description="Start an issue's next try from the branch of the last one, told how that one ended"
    )
    close: bool = Field(default=False, description="Close the milestone when nothing is open and all succeeded")
    comments: bool = Field(default=True, description="Keep a comment on each issue that was run")
    labels: bool = Field(default=True, description="Keep labels such as miyabi:review on the issues")


class NotifyKind(StrEnum):
    """What a message is about."""

    END = "end"  # a run is over
    NEEDS_YOU = "needs-you"  # something waits for a person


class NotifySettings(_Table):
    """Who is told of the end of a run and of what needs a person. Addresses are secrets: none is ever shown."""

    urls: tuple[SecretStr, ...] = Field((), description="Addresses as Apprise takes them, e.g. ntfy://HOST/TOPIC")
    urls_file: str = Field("", description="File here with such an address a line, mode 0600; seen from the repository")
    block: str = Field("", description="Prefect notification block as TYPE/NAME, e.g. slack-webhook/team")
    on: tuple[NotifyKind, ...] = Field((NotifyKind.END, NotifyKind.NEEDS_YOU), description="What is told")
    quota_hours: float = Field(2, ge=0, description="Hours that a usage limit must last to be told")

    @property
    def is_configured(self) -> bool:
        """Whether there is anybody to be told."""
        return bool(self.urls or self.urls_file or self.block)


DEFAULT_TOOLS = ("Bash", "Edit", "Glob", "Grep", "NotebookEdit", "Read", "TodoWrite", "Write")


class LabelSettings(_Table):
    """What sessions get on machines with a label, beside what every session gets."""

    mcp_config: FileOrTable | None = Field(None, description="MCP servers that run where the label is")
    setup: str | None = Field(None, min_length=1, description="Shell command that sets up checkouts there as well")


class SessionDefaults(BaseModel):
    """What every session gets unless its task says otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    model: str | None = Field(None, description="Model or alias for claude --model; empty: claude's own default")
    permission_mode: Literal["dontAsk", "acceptEdits", "bypassPermissions", "manual", "plan", "auto", "default"] = (
        Field("dontAsk", description="claude --permission-mode; dontAsk allows exactly allowed_tools")
    )
    allowed_tools: tuple[str, ...] = Field(DEFAULT_TOOLS, description="claude --allowedTools")
    disallowed_tools: tuple[str, ...] = Field((), description="claude --disallowedTools")
    max_turns: int | None = Field(None, ge=1, description="Turns after which a session is ended")
    max_budget_usd: float | None = Field(None, gt=0, description="US dollars after which a session is ended")
    timeout_minutes: float = Field(30, gt=0, description="Minutes after which a session is ended")
    linger_seconds: float = Field(
        15, gt=0, description="Seconds of silence after its last result, no agent at work, after which it is ended"
    )
    stall_minutes: float = Field(
        15,
        ge=0,
        description="Minutes of silence amid its work after which it is ended as stalled; 0: never",
    )
    setup: str | None = Field(
        None, min_length=1, description="Shell command that sets up each checkout before its first session"
    )
    setup_timeout_minutes: float = Field(15, gt=0, description="Minutes after which a set-up is ended")
    copy_files: tuple[RepositoryPattern, ...] = Field(
        (), description="Ignored files of the repository here that each checkout gets, e.g. .env or config/*.local.*"
    )
    check: str | None = Field(None, description="Shell command that must pass in the checkout after each session")
    check_timeout_minutes: float = Field(10, gt=0, description="Minutes after which a check is ended")
    max_file_mb: float = Field(
        95,
        gt=0,
        description="Megabytes; a larger file that nobody committed stays on its machine, and is named",
    )
    environment: dict[EnvironmentName, str] = Field(default_factory=dict, description="Extra environment")
    auto_memory: bool = Field(
        default=False, description="Whether claude may keep notes of its own, which its later sessions read"
    )
    oauth_token_file: str | None = Field(
        None, description="File on the machine, mode 0600, whose content becomes CLAUDE_CODE_OAUTH_TOKEN"
    )
    min_claude: Version | None = Field(None, description="Oldest Claude Code that a machine may have")
    effort: Effort | None = Field(None, description="claude --effort")
    fallback_model: Word | None = Field(
        None, description="Models for claude --fallback-model, a comma between them, where the first is overloaded"
    )
    append_system_prompt: str | None = Field(None, min_length=1, description="Text at the end of the system prompt")
    add_dirs: tuple[MachinePath, ...] = Field((), description="Further folders on the machine, claude --add-dir")
    agent: Word | None = Field(None, description="claude --agent")
    plugins: tuple[MachinePath, ...] = Field((), description="Plugins on the machine, claude --plugin-dir")
    settings: FileOrTable | None = Field(None, description="JSON file here, or table, for claude --settings")
    mcp_config: FileOrTable | None = Field(None, description="JSON file here, or table, of MCP servers by name")
    labels: dict[Label, LabelSettings] = Field(
        default_factory=dict, description="What sessions get besides on machines with a label, by label"
    )
    extra_args: ExtraArguments = Field((), description="Further arguments for claude; seen in the list of processes")

    def of_account(self, account: Account) -> Self:
        """Returns what sessions get that use the account: another account's token is never among it."""
        own = {"CLAUDE_CONFIG_DIR": account.config_dir} if account.config_dir else {}
        token_file = account.token_file or (None if account.config_dir else self.oauth_token_file)
        return self.model_copy(update={"environment": self.environment | own, "oauth_token_file": token_file})

    @property
    def setups(self) -> tuple[tuple[str, str], ...]:
        """The commands that set up a checkout, each with the label where it is to run; empty: everywhere."""
        given = {"": self.setup, **{label: each.setup for label, each in self.labels.items()}}
        return tuple((label, command) for label, command in given.items() if command)


def _moment(value: str) -> str:
    next_moment(value, now=0)
    return value


MomentText = Annotated[str, Strict(), AfterValidator(_moment)]
"""An hour, with or without its time zone, or a moment, as `next_moment` reads it."""


class RunDefaults(BaseModel):
    """How a run goes about its tasks."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    base: str = Field("HEAD", description="Branch, tag or commit that the run starts from")
    strategy: Strategy = Field(Strategy.FILL_FIRST, description="Fill one machine before the next, or spread")
    fail_fast: bool = Field(default=False, description="Start nothing further after the first failure")
    until: MomentText | None = Field(
        None, description="Hour at which a run is to be over, e.g. 07:00 or 07:00 Europe/Berlin; empty: none"
    )
    wrap_up_minutes: float | None = Field(
        None,
        ge=0,
        le=24 * 60,
        description="Minutes before that at which sessions are told to end; empty: 10, and a verify_timeout_minutes",
    )
    max_attempts: int = Field(3, ge=1, description="Attempts a task, where trying again makes sense")
    fix_attempts: int = Field(
        2, ge=0, description="How often a red check, or what breaks the whole, goes back to its conversation; 0: never"
    )
    retry_delay_seconds: float = Field(30, ge=0, description="Wait before the second attempt; doubles each time")
    limit_margin_seconds: float = Field(60, ge=0, description="Wait after a usage limit's end before going on")
    server_patience_minutes: float = Field(
        4, ge=0, description="How long a run's beginning and end wait for a Prefect server that is away"
    )
    limit_patience_hours: float = Field(
        24, ge=0, description="How long a usage limit's end may be away to be waited for"
    )
    api_patience_hours: float = Field(4, ge=0, description="How long a task waits for an API that fails")
    patience_minutes: float = Field(10, gt=0, description="How long a machine may be out of reach, or a disk full")
    keep_days: float = Field(
        30,
        ge=0,
        description="Days that claude's transcripts of swept runs, and what sweep --old removes, stay on machines",
    )
    rehearsal_seconds_per_minute: float = Field(
        0.25, ge=0, description="Seconds a rehearsed session takes for each minute of its estimate"
    )
