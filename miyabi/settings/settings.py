"""Settings of a run: arguments, then MIYABI_* variables, then .miyabi/config.toml, then defaults."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from miyabi.errors import SettingsError
from miyabi.machines import LOCAL, Machine
from miyabi.settings.tables import (
    GitHubSettings,
    IntegrationSettings,
    MilestoneSettings,
    PullRequestSettings,
    RunDefaults,
    SessionDefaults,
)
from miyabi.settings.validation import require_sayable, require_toml, wrong_value, wrong_variable

CONFIG_FILE = Path(".miyabi/config.toml")


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
        """Orders the sources: arguments win over MIYABI_* variables, these over the file."""
        file = TomlConfigSettingsSource(settings_cls, cls.model_config.get("toml_file"))
        return init_settings, env_settings, file

    @classmethod
    def load(cls, repository: Path, *, config: Path | None = None, **arguments: Any) -> Settings:
        """Reads the settings for a repository.

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
