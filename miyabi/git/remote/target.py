"""Where a push goes, and with whose login. The login is handed to git by the environment, for that one address only."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from pydantic import SecretStr

from miyabi.errors import SettingsError
from miyabi.git.clone import quoted
from miyabi.git.command import settings
from miyabi.git.remote.url import Origin, RemoteUrl
from miyabi.git.repository import Repository
from miyabi.system import is_loopback, private_files
from miyabi.text import REDACTED, redact

NAME = "miyabi-remote:"
"""What git is given on its command line. A setting makes the address of it, so that git takes the address as it is: one
that stood there would go through the user's `insteadOf` once more than with `git push`."""

TOKEN_USER = "x-access-token"  # noqa: S105 - GitHub's own name for whoever comes with a token

# How the user reaches the network and signs in over ssh; `miyabi.git.command.environment` leaves it out.
_OF_THE_USER = re.compile(r"GIT_(?:SSH|SSH_COMMAND|SSH_VARIANT|SSL_\w+|PROXY_\w+)")
_LACKING_MAY_BE_ASKED_FOR = {"GIT_NO_LAZY_FETCH": "0"}  # in a partial clone; git has the login here
_NO_QUESTIONS = {"GIT_ASKPASS": "", "SSH_ASKPASS": "", "SSH_ASKPASS_REQUIRE": "never", "GCM_INTERACTIVE": "never"}
_STALLED_SECONDS = "120"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A user and a password or token."""

    user: str
    password: SecretStr

    @property
    def basic(self) -> str:
        """User and password as HTTP's Basic authentication wants them (RFC 7617)."""
        return b64encode(f"{self.user}:{self.password.get_secret_value()}".encode()).decode()

    @property
    def secrets(self) -> tuple[str, ...]:
        """The texts that must be seen nowhere."""
        return tuple(filter(None, (self.password.get_secret_value(), self.basic)))


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteToken:
    """A token, and the only server that may be given it."""

    token: SecretStr
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A remote repository. Make it with `resolve`, or of a URL with `of`.

    `login` is None where the user's own setup signs in: ssh keys, credential helpers.
    """

    url: RemoteUrl
    login: Login | None = None

    @classmethod
    async def resolve(cls, repository: Repository, *, remote: str = "origin", token: RemoteToken | None = None) -> Self:
        """Finds the place that `git push REMOTE` pushes to, the first one where there are several.

        Args:
            repository: whose remote it is; its `pushurl`, `insteadOf` and `pushInsteadOf` count.
            remote: its name.
            token: counts where it is for the remote's server.

        Raises:
            SettingsError: no such remote, or the token would travel unencrypted.
        """
        if (url := await push_address(repository, remote=remote)) is None:
            raise await _no_such_remote(repository, remote)
        return cls.of(url, token=token)

    @classmethod
    def of(cls, url: str, *, token: RemoteToken | None = None) -> Self:
        """Makes the remote of that URL; a login in the URL counts where the token is not for it.

        Raises:
            SettingsError: the URL cannot be read, or the token would travel unencrypted.
        """
        parsed = RemoteUrl.parse(url)
        if token is not None and parsed.is_http and parsed.host == token.origin.host:
            _require_encrypted(parsed)
            if parsed.origin == token.origin:
                return cls(url=parsed, login=Login(user=TOKEN_USER, password=token.token))
        if parsed.is_http and parsed.password is not None:
            return cls(url=parsed, login=Login(user=parsed.user, password=parsed.password))
        return cls(url=parsed)

    @property
    def address(self) -> str:
        """Where it is, without a login."""
        return self.url.address

    def moved(self, address: str) -> Self | None:
        """Returns the same at another address; None where that is another server, which must not get the login.

        Raises:
            SettingsError: the address cannot be read.
        """
        there = RemoteUrl.parse(address)
        return replace(self, url=there) if there.origin == self.url.origin else None

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """Makes what git's environment needs besides: no question is asked, and the login is at hand.

        Returns:
            Variables to be added to those that our git commands get; the login is among them.
        """
        return _usual(given) | settings(given, self._named() + self._patience() + self._signed())

    def environment_for_lfs(self, given: Mapping[str, str], *, file: Path) -> dict[str, str]:
        """Makes the same for git-lfs, which writes git's variables into its records of failures: a file has the login.

        Args:
            given: the environment that we have.
            file: where the login is written to, for this user alone; to be removed when git-lfs has ended.

        Returns:
            Variables to be added to those that our git commands get; the login is not among them.

        Raises:
            DiskFull: there is no room for the file.
            OSError: it cannot be written.
        """
        address = f"{self.address.removesuffix('.git')}.git/info/lfs"
        asked = ((f"lfs.{address}.access", "basic"),) if self.login else ()  # else it notes that in the user's settings
        private_files.write_bytes(file, _as_file(self._patience() + self._signed() + asked))
        return _usual(given) | settings(given, (("include.path", str(file)),))

    def redact(self, text: str) -> str:
        """Replaces the login in a text, whatever it looks like, and all that looks like one."""
        for secret in self.login.secrets if self.login else ():
            text = text.replace(secret, REDACTED)
        return redact(text)

    def _named(self) -> tuple[tuple[str, str], ...]:
        return ((f"url.{self.address}.insteadOf", NAME),)

    def _patience(self) -> tuple[tuple[str, str], ...]:
        return (("http.lowSpeedLimit", "1"), ("http.lowSpeedTime", _STALLED_SECONDS)) if self.url.is_http else ()

    def _signed(self) -> tuple[tuple[str, str], ...]:
        if self.login is None:
            named = self.url.is_http and self.url.user
            return ((f"credential.{self.url.site}.username", self.url.user),) if named else ()
        header = f"Authorization: Basic {self.login.basic}"
        return (
            ("credential.helper", ""),
            (f"http.{self.address}.extraHeader", ""),
            (f"http.{self.address}.extraHeader", header),
            (f"http.{self.address}.followRedirects", "false"),  # the header would go along, to any server
        )


async def fetch_address(repository: Repository, *, remote: str) -> str:
    """Returns where `git fetch REMOTE` fetches from.

    Raises:
        SettingsError: no such remote.
    """
    answer = await repository.git.run("remote", "get-url", "--", remote)
    if answer.exit_status or not answer.lines:
        raise await _no_such_remote(repository, remote)
    return answer.lines[0]


async def push_address(repository: Repository, *, remote: str) -> str | None:
    """Returns where `git push REMOTE` pushes to, the first place of several; None where there is no such remote."""
    answer = await repository.git.run("remote", "get-url", "--push", "--", remote)
    return None if answer.exit_status or not answer.lines else answer.lines[0]


def _usual(given: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in given.items() if _OF_THE_USER.fullmatch(name)}
    return kept | _NO_QUESTIONS | _LACKING_MAY_BE_ASKED_FOR


def _as_file(pairs: tuple[tuple[str, str], ...]) -> bytes:
    """Settings as git reads them from a file."""
    parts = ((*key.split(".", 1)[:1], *key.split(".", 1)[1].rpartition(".")[::2], value) for key, value in pairs)
    return "".join(
        f"[{section}{f' {quoted(inner)}' if inner else ''}]\n\t{name} = {quoted(value)}\n"
        for section, inner, name, value in parts
    ).encode()


def _require_encrypted(url: RemoteUrl) -> None:
    if url.scheme == "http" and not is_loopback(url.host):
        raise SettingsError(
            f"The remote {url} would send the token unencrypted."
            f" Give it an https:// address: git remote set-url origin https://{url.host}{url.path}"
        )


async def _no_such_remote(repository: Repository, remote: str) -> SettingsError:
    names = (await repository.git.run("remote")).lines
    there = f"There are: {', '.join(names)}." if names else "There is none: git remote add origin URL."
    return SettingsError(f"{repository.root} has no remote {remote!r}. {there}")
