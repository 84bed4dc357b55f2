"""What a git remote's URL says: where it leads, with whose login, and which GitHub repository it is. Pure."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import NamedTuple, Self
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import SecretStr

from miyabi.errors import SettingsError
from miyabi.home_settings import PUBLIC_API
from miyabi.redact import redact
from miyabi.text import one_line

_HELPER = re.compile(r"[A-Za-z0-9]+::")
_SCP = re.compile(r"(?:(?P<user>[^@/:\[\]]+)@)?(?P<host>\[[^\]/]+\]|[^@/:\[\]]{2,}):(?P<path>.*)", re.DOTALL)
_PORTS = {"https": 443, "http": 80, "ssh": 22, "git": 9418}
_PUBLIC_HOST = urlsplit(PUBLIC_API).hostname
_SSH = {"git+ssh", "ssh+git"}
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*/[A-Za-z0-9._-]+")
_ALIASES = {"www.github.com", "ssh.github.com"}
_DATA_RESIDENCY = ".ghe.com"
_OTHERS = ("gitlab", "bitbucket", "codeberg", "azure", "visualstudio", "gitea", "sourcehut")
_ADVICE = 'Name it in the settings: repository = "owner/name" and, for GitHub Enterprise, base_url'


class Origin(NamedTuple):
    """Who would get a token."""

    scheme: str
    host: str
    port: int | None


class GitHubPlace(NamedTuple):
    """A repository at GitHub or GitHub Enterprise."""

    repository: str
    base_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteUrl:
    """A remote's URL in parts. `address` is what git is given: never with a password, over HTTP with no login at all.

    A file's path has the scheme `file`, an address of the form `user@host:path` the scheme `ssh`.
    """

    scheme: str
    address: str
    host: str = ""
    port: int | None = None
    path: str = ""
    user: str = field(default="", repr=False)  # some write their token here
    password: SecretStr | None = None

    @classmethod
    def parse(cls, url: str) -> Self:
        """The parts of a URL, or of what git takes for one.

        Raises:
            SettingsError: it cannot be read; what is shown of it holds no password.
        """
        if "://" in url and not _HELPER.match(url):
            return cls._of_url(url)
        if (found := _SCP.fullmatch(url)) and not _HELPER.match(url):
            host = found["host"].strip("[]").lower()
            return cls(scheme="ssh", address=url, host=host, path=found["path"], user=found["user"] or "")
        return cls(scheme=url.split("::", maxsplit=1)[0] if _HELPER.match(url) else "file", address=url, path=url)

    @classmethod
    def _of_url(cls, url: str) -> Self:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise SettingsError(f"The remote's URL {_shown(url)} cannot be read: {error}.") from None
        user, password = _login(parts)
        place = parts.netloc.rpartition("@")[2]
        is_http = parts.scheme in {"http", "https"}
        netloc = place if is_http or not parts.username else f"{parts.username}@{place}"
        return cls(
            scheme="ssh" if parts.scheme in _SSH else parts.scheme,
            address=parts._replace(netloc=netloc).geturl(),
            host=(parts.hostname or "").rstrip("."),
            port=port,
            path=parts.path,
            user=user,
            password=password,
        )

    @property
    def is_http(self) -> bool:
        """Whether a login travels in a header."""
        return self.scheme in {"http", "https"}

    @property
    def origin(self) -> Origin:
        """Scheme, host and port, with the port that the scheme has by itself."""
        return Origin(scheme=self.scheme, host=self.host, port=self.port or _PORTS.get(self.scheme))

    @property
    def site(self) -> str:
        """The URL up to its path."""
        return f"{self.scheme}://{urlsplit(self.address).netloc}"

    def __str__(self) -> str:
        return _shown(self.address)


def web_origin(base_url: str) -> Origin:
    """Where the repositories of an API are: the only place that gets the API's token."""
    origin = RemoteUrl.parse(base_url).origin
    if origin.host == _PUBLIC_HOST:
        return origin._replace(host="github.com")
    if origin.host.endswith(_DATA_RESIDENCY):
        return origin._replace(host=origin.host.removeprefix("api."))
    return origin


def github_place(url: str) -> GitHubPlace:
    """The GitHub repository that a remote's URL means: owner/name, and its API's base URL.

    Example:
        >>> github_place("git@github.com:octocat/hello.git")
        GitHubPlace(repository='octocat/hello', base_url='https://api.github.com')

    Raises:
        SettingsError: it means none; the message says what to set instead.
    """
    remote = RemoteUrl.parse(url)
    if remote.scheme not in _PORTS or not remote.host:
        raise SettingsError(f"The remote {remote} is no repository at GitHub. {_ADVICE}.")
    host = "github.com" if remote.host in _ALIASES else remote.host
    if any(other in host for other in _OTHERS) or not ("." in host or is_loopback(host)):
        raise SettingsError(f"The remote {remote} is at {host}, which is not known as a GitHub host. {_ADVICE}.")
    repository = remote.path.strip("/").removesuffix(".git")
    if not _REPOSITORY.fullmatch(repository):
        raise SettingsError(f"The remote {remote} has no path of the form owner/name. {_ADVICE}.")
    return GitHubPlace(repository=repository, base_url=_api(remote, host))


def is_loopback(host: str) -> bool:
    """Whether what is sent there stays on this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _api(remote: RemoteUrl, host: str) -> str:
    if host == "github.com":
        return PUBLIC_API
    if host.endswith(_DATA_RESIDENCY):
        return f"https://api.{host}"
    scheme = "http" if remote.scheme == "http" and is_loopback(host) else "https"
    port = f":{remote.port}" if remote.port and remote.scheme == scheme else ""
    return f"{scheme}://{f'[{host}]' if ':' in host else host}{port}/api/v3"


def _login(parts: SplitResult) -> tuple[str, SecretStr | None]:
    """User and password; a user that is a token needs no password."""
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    is_secret = bool(password) or redact(user) != user
    return user, SecretStr(password) if is_secret else None


def _shown(url: str) -> str:
    """The URL as it may be read by anyone."""
    return one_line(redact(re.sub(r"(?<=://)[^/\s]*@", "", url)))
