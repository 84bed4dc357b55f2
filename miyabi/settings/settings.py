"""Settings of a run: arguments, then MIYABI_* variables, then .miyabi/config.toml, then defaults."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from miyabi.errors import SettingsError
from miyabi.machines.machine import LOCAL, EnvironmentName, Machine
from miyabi.machines.placement import Strategy
from miyabi.settings.tables import GitHubSettings, IntegrationSettings, MilestoneSettings, PullRequestSettings
from miyabi.settings.validation import require_sayable, require_toml, wrong_value, wrong_variable

CONFIG_FILE = Path(".miyabi/config.toml")
DEFAULT_TOOLS = ("Bash", "Edit", "Glob", "Grep", "NotebookEdit", "Read", "TodoWrite", "Write")


class SessionDefaults(BaseModel):
    """What every session gets unless its task says otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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


class RunDefaults(BaseModel):
    """How a run goes about its tasks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: str = Field("HEAD", description="Branch, tag or commit that the run starts from")
    strategy: Strategy = Field(Strategy.FILL_FIRST, description="Fill one machine before the next, or spread")
    fail_fast: bool = Field(default=False, description="Start nothing further after the first failure")
    max_attempts: int = Field(3, ge=1, description="Attempts a task, where trying again makes sense")
    retry_delay_seconds: float = Field(30, ge=0, description="Wait before the second attempt; doubles each time")
    limit_margin_seconds: float = Field(60, ge=0, description="Wait after a usage limit's end before going on")
    server_patience_minutes: float = Field(
        4, ge=0, description="How long the end of a run waits for a Prefect server that is away"
    )
    limit_patience_hours: float = Field(
        24, ge=0, description="How long a usage limit's end may be away to be waited for"
    )
    api_patience_hours: float = Field(4, ge=0, description="How long a task waits for an API that fails")
    patience_minutes: float = Field(10, gt=0, description="How long a machine may be out of reach, or a disk full")
    keep_days: float = Field(
        30, ge=0, description="Days that claude's transcripts of swept runs stay on their machines"
    )
    rehearsal_seconds_per_minute: float = Field(
        0.25, ge=0, description="Seconds a rehearsed session takes for each minute of its estimate"
    )


class Settings(BaseSettings):
    """All settings of a run. Make it with `Settings.load`, which turns every fault into a SettingsError."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix="MIYABI_",
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
    )

    machines: tuple[Machine, ...] = (LOCAL,)
    sessions: SessionDefaults = SessionDefaults()
    runs: RunDefaults = RunDefaults()
    integration: IntegrationSettings = IntegrationSettings()
    github: GitHubSettings = GitHubSettings()
    pull_request: PullRequestSettings = PullRequestSettings()
    milestone: MilestoneSettings = MilestoneSettings()

    @field_validator("machines")
    @classmethod
    def _usable(cls, machines: tuple[Machine, ...]) -> tuple[Machine, ...]:
        names = [m.name.casefold() for m in machines]
        doubles = sorted({n for n in names if names.count(n) > 1})
        if doubles:
            raise ValueError(f"two machines are called {doubles[0]!r}; each needs a name of its own")
        return machines or (LOCAL,)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic-settings' own
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over MIYABI_* variables, these over the file."""
        file = TomlConfigSettingsSource(settings_cls, cls.model_config.get("toml_file"))
        return init_settings, env_settings, file

    @classmethod
    def load(cls, repository: Path, *, config: Path | None = None, **arguments: Any) -> Settings:
        """The settings for a repository.

        Args:
            repository: folder that holds `.miyabi/config.toml`, if there is one.
            config: another file to read instead; it must exist.
            arguments: values that win over everything, shaped like the file.

        Raises:
            SettingsError: naming the file or variable, the field, what was found and what to do.
        """
        file = config or repository / CONFIG_FILE
        if config and not config.is_file():
            raise SettingsError(f"{config}: no such configuration file. Give the path of a TOML file to --config.")
        return _load(cls, file, {k: v for k, v in arguments.items() if v is not None})


def _load(cls: type[Settings], file: Path, arguments: Mapping[str, Any]) -> Settings:
    require_toml(file)
    bound = type("Settings", (cls,), {"model_config": {**cls.model_config, "toml_file": file}, "__doc__": cls.__doc__})
    try:
        loaded: Settings = bound(**arguments)
    except ValidationError as error:
        raise wrong_value(error, file=file, settings=Settings) from None
    except (ValueError, RecursionError) as error:
        raise wrong_variable(error) from None
    require_sayable(loaded.model_dump(), file=file)
    return loaded
