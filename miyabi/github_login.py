"""As whom GitHub is asked, and which repository: out of a block or the environment, the settings and the remote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from miyabi.errors import SettingsError
from miyabi.github_access import GitHubAccess, GitHubApp
from miyabi.home_settings import PUBLIC_API, GitHubSettings
from miyabi.remote_url import GitHubPlace, github_place

TOKEN_VARIABLES = ("GITHUB_TOKEN", "GH_TOKEN")
"""Where a token is looked for, in this order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubLogin:
    """A credential: a token, or an App's installation."""

    token: SecretStr | None = None
    app: GitHubApp | None = None

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> GitHubLogin:
        """The token of GITHUB_TOKEN or GH_TOKEN.

        Raises:
            SettingsError: neither is set.
        """
        if (token := token_of(environment)) is None:
            raise SettingsError(
                f"no credential for GitHub: set {' or '.join(TOKEN_VARIABLES)} where the orchestrator runs, or name a "
                f"Water Spider GitHub Repository block (or a Secret block with a token) as `github`."
            )
        return cls(token=token)


def token_of(environment: Mapping[str, str]) -> SecretStr | None:
    """The token of GITHUB_TOKEN or GH_TOKEN; None where neither is set."""
    found = (environment[name].strip() for name in TOKEN_VARIABLES if environment.get(name, "").strip())
    return SecretStr(token) if (token := next(found, None)) else None


def github_access(settings: GitHubSettings, *, login: GitHubLogin, remote_url: str) -> GitHubAccess:
    """What the door to GitHub needs to know; what the settings leave open, the remote's URL says.

    Raises:
        SettingsError: nothing says which repository, or a value is unusable.
    """
    place = _place(settings, remote_url)
    return GitHubAccess(
        repository=settings.repository or place.repository,
        token=login.token,
        app=login.app,
        base_url=settings.base_url or place.base_url,
        timeout_seconds=settings.timeout_seconds,
    )


def is_at_github(settings: GitHubSettings, *, remote_url: str) -> bool:
    """Whether a repository with that remote can have a pull request, as far as settings and address say."""
    try:
        return bool(_place(settings, remote_url))
    except SettingsError:
        return False


def _place(settings: GitHubSettings, remote_url: str) -> GitHubPlace:
    try:
        return github_place(remote_url)
    except SettingsError:
        if settings.repository is None:
            raise
        return GitHubPlace(repository=settings.repository, base_url=PUBLIC_API)
