"""Where work is published: the user's repository, the same at GitHub, the settings, and as whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from pydantic import SecretStr

from miyabi.errors import BadInput, GitHubError, is_bad_input
from miyabi.git import Remote, RemoteToken, Repository
from miyabi.github.access import GitHubAccess, GitHubLogin, RetryPolicy, github_access, remote_token
from miyabi.github.repository import GitHubRepository
from miyabi.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedRepository:
    """A repository of the user, and the same at GitHub."""

    repository: Repository
    settings: Settings
    access: GitHubAccess

    @classmethod
    async def of(cls, repository: Repository, settings: Settings, *, login: GitHubLogin) -> Self:
        """Finds what belongs to the repository at GitHub; asks nobody there.

        Raises:
            BadInput: no such remote, or a setting that cannot be used.
        """
        there = await Remote.resolve(repository, remote=settings.github.remote)
        access = github_access(settings.github, login=login, remote_url=there.address)
        return cls(repository=repository, settings=settings, access=access)

    @property
    def retry_policy(self) -> RetryPolicy:
        """The retry policy that the settings ask for."""
        return RetryPolicy.of(self.settings.github)

    async def require_writable(self) -> None:
        """Checks that GitHub lets us write to the repository.

        Raises:
            BadInput: it does not, as the token, its rights or the repository are.
            GitHubError: it does not answer at the moment.
        """
        try:
            async with GitHubRepository.open(self.access, retry_policy=self.retry_policy) as github:
                await github.info(for_writing=True)
        except GitHubError as error:
            raise (BadInput(str(error)) if is_bad_input(error) else error) from None

    async def remote(self, token: SecretStr) -> Remote:
        """Returns where branches are pushed to and the base is fetched from.

        Raises:
            SettingsError: there is no such remote, or its URL cannot be used.
        """
        remote = self.settings.github.remote
        return await Remote.resolve(self.repository, remote=remote, token=self.remote_token(token))

    def remote_token(self, token: SecretStr) -> RemoteToken:
        """Makes a token into what git takes: good for GitHub's server there, and for no other."""
        return remote_token(token, base_url=self.access.base_url)
