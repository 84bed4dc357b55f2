"""What a session is to do, and how long it may take."""

from __future__ import annotations

from collections.abc import Collection

from pydantic import BaseModel, ConfigDict, Field

from miyabi.sessions.names import SessionPaths


class SessionSpec(BaseModel):
    """All that one attempt needs; the same spec always means the same session."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str
    task: str
    title: str = ""
    attempt: int = Field(1, ge=1)
    run_id: str = Field("", description="What tells the run from others of its name; an earlier build's has none")
    resumes: str | None = Field(None, description="Conversation to go on with, which this machine holds")
    fix_ups: int = Field(0, ge=0, description="How often its failure has gone back to the conversation, this included")
    prompt: str
    prompt_anew: str | None = Field(None, description="In place of it where the machine has the conversation no more")
    rehearse: bool = False
    rehearsal_seconds: float = Field(1.0, ge=0, description="How long the rehearsal agent works")
    base: str = Field(
        "", description="Commit that the work is counted from; the checkout starts there, or at `start_commit`"
    )
    start_commit: str = Field("", description="Where the checkout starts if an earlier run's work is in it")
    earlier_branch: str = Field("", description="The branch of that work")
    model: str | None = None
    permission_mode: str
    allowed_tools: tuple[str, ...] = ()
    disallowed_tools: tuple[str, ...] = ()
    max_turns: int | None = Field(None, ge=1)
    max_budget_usd: float | None = Field(None, gt=0)
    budget_setting: str = Field("", description="The setting of [budget] that this is the rest of; empty: its own")
    max_tokens: int | None = Field(None, ge=1, description="Tokens after which we end it")
    tokens_setting: str = Field("", description="The setting of [budget] that this is the rest of")
    may_use_extra: bool = Field(default=True, description="Whether it goes on where extra usage pays for that")
    timeout_seconds: float = Field(gt=0)
    linger_seconds: float = Field(gt=0)
    stall_seconds: float = Field(0, ge=0, description="How long it may be silent amid its work; 0: for ever")
    setup: tuple[tuple[str, str], ...] = Field(
        (), description="Shell commands before it, each for the machines with a label; empty: for all"
    )
    setup_timeout_seconds: float = Field(gt=0)
    check: str | None = None
    check_timeout_seconds: float = Field(gt=0)
    max_file_bytes: int = Field(ge=0, description="Uncommitted files over that stay there; 0: none does")
    expect_changes: bool = True
    environment: tuple[tuple[str, str], ...] = ()
    oauth_token_file: str | None = None
    account: str = Field("", description="The Claude account that it uses; empty: its machine's")
    auto_memory: bool = False
    effort: str | None = None
    fallback_model: str | None = None
    append_system_prompt: str | None = None
    add_dirs: tuple[str, ...] = ()
    agent: str | None = None
    plugins: tuple[str, ...] = ()
    settings: str | None = Field(None, description="JSON for claude --settings")
    mcp_config: tuple[tuple[str, str], ...] = Field(
        (), description="MCP servers by name as JSON, each for the machines with a label; empty: for all"
    )
    requires_mcp: tuple[str, ...] = Field((), description="MCP servers without which the session has failed")
    extra_args: tuple[str, ...] = ()
    author_name: str = "Water Spider"
    author_email: str = "water-spider@localhost"

    @property
    def conversation(self) -> str:
        """The UUID of the conversation: the one that is gone on with, or a new one."""
        return self.resumes or self.paths.conversation(run_id=self.run_id)

    def setup_on(self, offers: Collection[str]) -> tuple[str, ...]:
        """Returns the commands that set up its checkout on a machine that offers these labels."""
        return tuple(command for label, command in self.setup if not label or label in offers)

    @property
    def paths(self) -> SessionPaths:
        """The names derived from this spec."""
        return SessionPaths(run=self.run, task=self.task, attempt=self.attempt)
