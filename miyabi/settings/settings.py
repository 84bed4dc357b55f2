"""Settings of a run: arguments, then MIYABI_* variables, then .miyabi/config.toml, then defaults."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from miyabi.errors import SettingsError
from miyabi.machines import LOCAL, Account, Machine
from miyabi.options import FileOrTable, read_table, servers_of
from miyabi.settings.tables import (
    BudgetSettings,
    GitHubSettings,
    IntegrationSettings,
    MilestoneSettings,
    NotifySettings,
    PullRequestSettings,
    QuotaSettings,
    ReviewSettings,
    RunDefaults,
    SessionDefaults,
)
from miyabi.settings.validation import fault_at, require_sayable, require_toml, wrong_value, wrong_variable
from miyabi.text import did_you_mean

CONFIG_FILE = Path(".miyabi/config.toml")
_CREDENTIALS = {"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"}
_COLLECTING_MINUTES = 10  # as long as a machine that is away is waited for


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
    budget: BudgetSettings = BudgetSettings()
    quota: QuotaSettings = QuotaSettings()
    accounts: tuple[Account, ...] = ()
    review: ReviewSettings = ReviewSettings()
    integration: IntegrationSettings = IntegrationSettings()
    github: GitHubSettings = GitHubSettings()
    pull_request: PullRequestSettings = PullRequestSettings()
    milestone: MilestoneSettings = MilestoneSettings()
    notify: NotifySettings = NotifySettings()

    @property
    def wrap_up_seconds(self) -> float:
        """Seconds before the hour at which a run is to be over, at which its sessions are told to end."""
        if self.runs.wrap_up_minutes is not None:
            return 60 * self.runs.wrap_up_minutes
        return 60 * _COLLECTING_MINUTES + (self.integration.verify_timeout_seconds if self.integration.verify else 0)

    def of_account(self, name: str) -> Settings:
        """Returns the settings for sessions that use the account of that name; the same where it has no table."""
        account = next((each for each in self.accounts if each.name == name), None)
        return self.model_copy(update={"sessions": self.sessions.of_account(account)}) if account else self

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
        """Orders the sources: arguments win over MIYABI_* variables, these over the file."""
        file = TomlConfigSettingsSource(settings_cls, cls.model_config.get("toml_file"))
        return init_settings, env_settings, file

    @classmethod
    def load(cls, repository: Path, *, config: Path | None = None, **arguments: Any) -> Settings:
        """Reads the settings for a repository, and the files that hold tables of them.

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
        loaded = _load(cls, file, {k: v for k, v in arguments.items() if v is not None})
        _require_labels(loaded, file=file)
        _require_accounts(loaded, file=file)
        return loaded.model_copy(update={"sessions": _with_tables(loaded.sessions, root=repository, file=file)})


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


def _require_labels(settings: Settings, *, file: Path) -> None:
    """A label that nobody has would give its servers to no session, or have nothing reviewed, unsaid."""
    known = frozenset[str]().union(*(machine.offers for machine in settings.machines))
    tables = [(("sessions", "labels", label), label, "table") for label in settings.sessions.labels]
    named = [(("review", "labels"), label, f"label {label!r}") for label in settings.review.labels]
    for path, label, what in (*tables, *named):
        if label not in known:
            which = "this label" if what == "table" else what
            sentence = f"no machine has {which}{did_you_mean(label, known)}; give it to one, or take the {what} out"
            raise fault_at(path, sentence, file=file)


def _require_accounts(settings: Settings, *, file: Path) -> None:
    """Each account is logged in somewhere, and what a machine names is there, once."""
    names = [each.name for each in settings.accounts]
    for number, each in enumerate(settings.accounts):
        if not (each.config_dir or each.token_file):
            raise fault_at(
                ("accounts", str(number)),
                f"{each.name} is logged in nowhere; set config_dir, token_file or both",
                file=file,
            )
        if each.name in names[:number]:
            raise fault_at(("accounts", str(number), "name"), f"two accounts are called {each.name!r}", file=file)
    for number, machine in enumerate(settings.machines):
        path = ("machines", str(number), "accounts")
        if machine.accounts and machine.account is not None:
            raise fault_at(path, f"{machine.name} has an account too; keep one of the two settings", file=file)
        environment = {*machine.environment, *machine.inherit_environment, *settings.sessions.environment}
        if machine.accounts and (key := next(iter(sorted(environment & _CREDENTIALS)), None)):
            raise fault_at(path, f"{key} in its environment would win over each of them; take it out", file=file)
        for name in machine.accounts:
            if name not in names:
                sentence = f"there is no account {name!r}{did_you_mean(name, names)}; write [[accounts]] with that name"
                raise fault_at(path, sentence, file=file)
            if machine.accounts.count(name) > 1:
                raise fault_at(path, f"{name!r} is named twice; once is enough", file=file)


def _with_tables(sessions: SessionDefaults, *, root: Path, file: Path) -> SessionDefaults:
    """The same with the content of each file in place of its path, and MCP servers by name."""

    def read(value: FileOrTable | None, *path: str) -> dict[str, Any] | None:
        try:
            table = None if value is None else dict(read_table(value, root=root))
            return servers_of(table) if table is not None and path[-1] == "mcp_config" else table
        except ValueError as error:
            raise fault_at(("sessions", *path), str(error), file=file) from None

    labels = {
        label: each.model_copy(update={"mcp_config": read(each.mcp_config, "labels", label, "mcp_config")})
        for label, each in sessions.labels.items()
    }
    tables = {"settings": read(sessions.settings, "settings"), "mcp_config": read(sessions.mcp_config, "mcp_config")}
    return sessions.model_copy(update={**tables, "labels": labels})
