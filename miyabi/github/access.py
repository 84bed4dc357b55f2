"""Which GitHub is spoken to, as whom, and with which retry policy."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from pydantic import SecretStr

from miyabi.errors import SettingsError
from miyabi.git import Origin, RemoteToken, RemoteUrl
from miyabi.settings import PUBLIC_API, GitHubSettings
from miyabi.system import is_loopback

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
    def graphql(self) -> str:
        """Where GraphQL is: beside the API's root, at an Enterprise Server as at https://host/api/graphql."""
        return f"{self.root.removesuffix('v3/')}graphql" if self.root.endswith("/api/v3/") else f"{self.root}graphql"

    @property
    def root(self) -> str:
        """`base_url` with one slash at its end."""
        return self.base_url.rstrip("/") + "/"

    @property
    def is_app(self) -> bool:
        """Whether an App's installation asks, by itself or in GitHub Actions, so that there is no user behind it.

        GitHub's installation tokens begin with `ghs_` ("About authentication to GitHub").
        """
        return self.token is None or self.token.get_secret_value().startswith("ghs_")

    @property
    def account(self) -> str:
        """A name for those whose requests GitHub counts together; it does not show the credential."""
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
class RetryPolicy:
    """How a client behaves towards GitHub.

    Args:
        write_interval_seconds: from the end of one write to the start of the next; GitHub asks for one second ("Best
            practices for using the REST API").
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
        """Makes the policy that the settings ask for."""
        return cls(write_interval_seconds=settings.write_interval_seconds, max_wait_seconds=settings.max_wait_seconds)


TOKEN_VARIABLES = ("GITHUB_TOKEN", "GH_TOKEN")
"""Where a token is looked for, in this order."""

_PUBLIC_HOST = urlsplit(PUBLIC_API).hostname
_OWNER_AND_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*/[A-Za-z0-9._-]+")
_ALIASES = {"www.github.com", "ssh.github.com"}
_DATA_RESIDENCY = ".ghe.com"
_OTHERS = ("gitlab", "bitbucket", "codeberg", "azure", "visualstudio", "gitea", "sourcehut")
_ADVICE = 'Name it in the settings: repository = "owner/name" and, for GitHub Enterprise, base_url'


class GitHubAddress(NamedTuple):
    """A repository at GitHub or GitHub Enterprise."""

    repository: str
    base_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubLogin:
    """A credential: a token, or an App's installation."""

    token: SecretStr | None = None
    app: GitHubApp | None = None

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> GitHubLogin:
        """Makes the login by the token of GITHUB_TOKEN or GH_TOKEN.

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
    """Reads the token of GITHUB_TOKEN or GH_TOKEN; None where neither is set, or both are blank."""
    found = (environment[name].strip() for name in TOKEN_VARIABLES if environment.get(name, "").strip())
    return SecretStr(token) if (token := next(found, None)) else None


def remote_token(token: SecretStr, *, base_url: str = PUBLIC_API) -> RemoteToken:
    """Makes a token into what git takes: good for the server that has the API's repositories, and for no other.

    Raises:
        SettingsError: the API's address cannot be read.
    """
    return RemoteToken(token=token, origin=web_origin(base_url))


def token_of_environment(settings: GitHubSettings) -> RemoteToken | None:
    """Makes the same of the token of GITHUB_TOKEN or GH_TOKEN; None where neither is set.

    Raises:
        SettingsError: the API's address cannot be read.
    """
    token = token_of(os.environ)
    return remote_token(token, base_url=settings.base_url or PUBLIC_API) if token else None


def github_access(settings: GitHubSettings, *, login: GitHubLogin, remote_url: str) -> GitHubAccess:
    """Gathers what the client needs to know; what the settings leave open, the remote's URL says.

    Raises:
        SettingsError: nothing says which repository, or a value is unusable.
    """
    address = _address(settings, remote_url)
    return GitHubAccess(
        repository=settings.repository or address.repository,
        token=login.token,
        app=login.app,
        base_url=settings.base_url or address.base_url,
        timeout_seconds=settings.timeout_seconds,
    )


def is_at_github(settings: GitHubSettings, *, remote_url: str) -> bool:
    """Returns whether a repository with that remote can have a pull request, as far as settings and address show."""
    try:
        return bool(_address(settings, remote_url))
    except SettingsError:
        return False


def web_origin(base_url: str) -> Origin:
    """Returns where the repositories of an API are: the only server that gets the API's token.

    They are at github.com for api.github.com, at SUBDOMAIN.ghe.com for api.SUBDOMAIN.ghe.com (GitHub's docs on data
    residency), and else at the host of the API itself.

    Raises:
        SettingsError: the API's address cannot be read.
    """
    origin = RemoteUrl.parse(base_url).origin
    if origin.host == _PUBLIC_HOST:
        return origin._replace(host="github.com")
    if origin.host.endswith(_DATA_RESIDENCY):
        return origin._replace(host=origin.host.removeprefix("api."))
    return origin


def github_address(url: str) -> GitHubAddress:
    """Finds the GitHub repository that a remote's URL means: owner/name, and its API's base URL.

    Example:
        >>> github_address("git@github.com:octocat/hello.git")
        GitHubAddress(repository='octocat/hello', base_url='https://api.github.com')

    Raises:
        SettingsError: it means none; the message says what to set instead.
    """
    remote = RemoteUrl.parse(url)
    if not remote.is_at_a_server:
        raise SettingsError(f"The remote {remote} is no repository at GitHub. {_ADVICE}.")
    host = "github.com" if remote.host in _ALIASES else remote.host
    if any(other in host for other in _OTHERS) or not ("." in host or is_loopback(host)):
        raise SettingsError(f"The remote {remote} is at {host}, which is not known as a GitHub host. {_ADVICE}.")
    repository = remote.path.strip("/").removesuffix(".git")
    if not _OWNER_AND_NAME.fullmatch(repository):
        raise SettingsError(f"The remote {remote} has no path of the form owner/name. {_ADVICE}.")
    return GitHubAddress(repository=repository, base_url=_api(remote, host))


def _address(settings: GitHubSettings, remote_url: str) -> GitHubAddress:
    try:
        return github_address(remote_url)
    except SettingsError:
        if settings.repository is None:
            raise
        return GitHubAddress(repository=settings.repository, base_url=PUBLIC_API)


def _api(remote: RemoteUrl, host: str) -> str:
    if host == "github.com":
        return PUBLIC_API
    if host.endswith(_DATA_RESIDENCY):
        return f"https://api.{host}"
    scheme = "http" if remote.scheme == "http" and is_loopback(host) else "https"
    port = f":{remote.port}" if remote.port and remote.scheme == scheme else ""
    return f"{scheme}://{f'[{host}]' if ':' in host else host}{port}/api/v3"
