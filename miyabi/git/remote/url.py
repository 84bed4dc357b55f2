"""What a git remote's URL says: where it leads, and with whose login. Pure. The forms are those of git-fetch(1)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple, Self
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import SecretStr

from miyabi.errors import SettingsError
from miyabi.text import one_line, redact

_HELPER = re.compile(r"[A-Za-z0-9]+::")
_SCP = re.compile(r"(?:(?P<user>[^@/:\[\]]+)@)?(?P<host>\[[^\]/]+\]|[^@/:\[\]]{2,}):(?P<path>.*)", re.DOTALL)
_PORTS = {"https": 443, "http": 80, "ssh": 22, "git": 9418}
_SSH = {"git+ssh", "ssh+git"}


class Origin(NamedTuple):
    """Who would get a token."""

    scheme: str
    host: str
    port: int | None


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
        """Parses a URL, or what git takes for one.

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
        host = parts.netloc.rpartition("@")[2]
        is_http = parts.scheme in {"http", "https"}
        netloc = host if is_http or not parts.username else f"{parts.username}@{host}"
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
    def is_at_a_server(self) -> bool:
        """Whether it is at a host, which git reaches by one of its own protocols."""
        return self.scheme in _PORTS and bool(self.host)

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


def _login(parts: SplitResult) -> tuple[str, SecretStr | None]:
    """User and password; a user that is a token needs no password."""
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    is_secret = bool(password) or redact(user) != user
    return user, SecretStr(password) if is_secret else None


def _shown(url: str) -> str:
    """The URL as it may be read by anyone."""
    return one_line(redact(re.sub(r"(?<=://)[^/\s]*@", "", url)))
