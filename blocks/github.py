"""A repository at GitHub with its credential, as a block: the token never leaves the orchestrator."""

from __future__ import annotations

from typing import Any, ClassVar

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, SecretStr

from miyabi.errors import SettingsError
from miyabi.github import GitHubApp, GitHubLogin

_README = "https://github.com/miyabi-scheduler/miyabi-scheduler"


class GitHubRepository(Block):
    """A repository and how to log in there: a token, or a GitHub App's installation.

    Example:
        Save one, and load it again:
        ```python
        from blocks.github import GitHubRepository

        GitHubRepository(repository="octocat/hello-world", token="...").save("BLOCK_NAME")
        github = GitHubRepository.load("BLOCK_NAME")
        ```
    """

    _block_type_name: ClassVar[str] = "Water Spider GitHub Repository"
    _block_type_slug: ClassVar[str] = "water-spider-github-repository"
    _description: ClassVar[str] = "The GitHub repository that milestones are read from and pull requests are opened in."
    _documentation_url: ClassVar[HttpUrl | None] = HttpUrl(f"{_README}#github")

    repository: str | None = Field(None, description="owner/name; empty: what the git remote's address says.")
    token: SecretStr | None = Field(None, description="Token with write access to contents, issues, pull requests.")
    app_id: int | None = Field(None, description="In place of a token: the GitHub App's id.")
    installation_id: int | None = Field(None, description="The App's installation in the repository.")
    private_key: SecretStr | None = Field(None, description="The App's private key, the whole PEM text.")
    base_url: str | None = Field(None, description="The API's root of a GitHub Enterprise Server.")

    def overrides(self) -> dict[str, Any]:
        """Returns what this block says, shaped like the arguments of `Settings.load`."""
        said = {"repository": self.repository, "base_url": self.base_url}
        return {"github": {name: value for name, value in said.items() if value} or None}

    def login(self) -> GitHubLogin:
        """Makes the credential: of the token where there is one, else of the App.

        Raises:
            SettingsError: neither a token nor a whole App is given.
        """
        if self.token:
            return GitHubLogin(token=self.token)
        if self.app_id and self.installation_id and self.private_key:
            app = GitHubApp(app_id=self.app_id, installation_id=self.installation_id, private_key=self.private_key)
            return GitHubLogin(app=app)
        raise SettingsError(
            "the GitHub Repository block has no credential: give it a token, or app_id, installation_id and private_key"
        )
