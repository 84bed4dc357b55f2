"""Which repository, as whom, with which patience: what the door to GitHub needs to know."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from pydantic import SecretStr

from miyabi.errors import SettingsError
from miyabi.git.remote.url import is_loopback
from miyabi.settings.tables import PUBLIC_API, GitHubSettings

_DEFAULTS = GitHubSettings()
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*/(?!\.{1,2}$)[A-Za-z0-9._-]+")
_TOKEN = re.compile(r"[!-~]+")  # what may stand in a header


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubApp:
    """An installation of a GitHub App. `private_key` is the PEM text; a backslash and an n may be its line ends."""

    app_id: int
    installation_id: int
    private_key: SecretStr

    @property
    def pem(self) -> str:
        """The private key as the PEM parser wants it."""
        return self.private_key.get_secret_value().strip().replace("\\n", "\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubAccess:
    """A repository and the credential for it: a token, or an App's installation.

    Args:
        repository: owner/name.
        base_url: the API's root; GitHub Enterprise Server has it at https://host/api/v3.
        timeout_seconds: for one request, from sending it to its whole answer.

    Raises:
        SettingsError: names the field; never shows the credential.
    """

    repository: str
    token: SecretStr | None = None
    app: GitHubApp | None = None
    base_url: str = PUBLIC_API
    timeout_seconds: float = _DEFAULTS.timeout_seconds

    def __post_init__(self) -> None:
        _check_repository(self.repository)
        _check_address(self.base_url)
        if (self.token is None) == (self.app is None):
            raise SettingsError(
                f"GitHub repository {self.repository} needs one credential: set `token`, or `app` (not both)"
            )
        if self.token is not None and not _TOKEN.fullmatch(self.token.get_secret_value()):
            raise SettingsError(
                f"The GitHub token for {self.repository} is empty or has spaces, line ends or other characters"
                " that no token has. Was the whole file or line taken?"
            )

    @property
    def root(self) -> str:
        """`base_url` with one slash at its end."""
        return self.base_url.rstrip("/") + "/"

    @property
    def is_app(self) -> bool:
        """It is an App's installation, by itself or in GitHub Actions, so that there is no user behind it."""
        return self.token is None or self.token.get_secret_value().startswith("ghs_")

    @property
    def account(self) -> str:
        """Stands for whose requests GitHub counts; does not tell the credential."""
        if self.app is not None:
            return f"{self.root} app {self.app.installation_id}"
        return f"{self.root} token {hash(self.token)}"


def _check_repository(repository: str) -> None:
    if not _REPOSITORY.fullmatch(repository):
        raise SettingsError(
            f"GitHub repository {repository!r} is not of the form owner/name, as in octocat/hello-world"
        )


def _check_address(base_url: str) -> None:
    address = urlsplit(base_url)
    if address.username or address.password:
        raise SettingsError("The GitHub base_url has a login in it. Take it out and set `token`")
    if address.scheme not in {"http", "https"} or not address.hostname or address.query or address.fragment:
        raise SettingsError(f"GitHub base_url {base_url!r} is no address such as {PUBLIC_API} or https://host/api/v3")
    if address.scheme == "http" and not is_loopback(address.hostname):
        raise SettingsError(f"GitHub base_url {base_url} would send the token unencrypted. Use https://")
    if address.hostname in {"github.com", "www.github.com"}:
        raise SettingsError(f"GitHub base_url {base_url} is the web site. The API is at {PUBLIC_API}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How a client behaves towards GitHub.

    Args:
        write_interval_seconds: from the end of one write to the start of the next; GitHub asks for one second.
        max_wait_seconds: how long one read, or one write with its looks, may wait for rate limits in all.
        retry_seconds: before the first repetition after a fault; doubles each time.
        attempts: how often something is tried in all when GitHub does not answer.
    """

    write_interval_seconds: float = _DEFAULTS.write_interval_seconds
    max_wait_seconds: float = _DEFAULTS.max_wait_seconds
    retry_seconds: float = 1
    attempts: int = 5

    @classmethod
    def of(cls, settings: GitHubSettings) -> Self:
        """Those that the settings ask for."""
        return cls(write_interval_seconds=settings.write_interval_seconds, max_wait_seconds=settings.max_wait_seconds)
