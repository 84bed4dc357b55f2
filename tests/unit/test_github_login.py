"""As whom GitHub is asked, and which repository."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from miyabi.errors import SettingsError
from miyabi.github_login import GitHubLogin, github_access
from miyabi.home_settings import PUBLIC_API, GitHubSettings

LOGIN = GitHubLogin(token=SecretStr("tok"))


@pytest.mark.parametrize(
    ("environment", "token"),
    [
        ({"GITHUB_TOKEN": "t1"}, "t1"),
        ({"GITHUB_TOKEN": " t1\n", "GH_TOKEN": "two"}, "t1"),
        ({"GITHUB_TOKEN": "  ", "GH_TOKEN": "two"}, "two"),
        ({"GITHUB_TOKEN": "a\nb"}, "a\nb"),
    ],
)
def test_the_environment(environment: dict[str, str], token: str) -> None:
    """GITHUB_TOKEN before GH_TOKEN, without the blanks around it; one that is only blanks counts as none."""
    found = GitHubLogin.of_environment(environment)
    assert found.token is not None
    assert found.token.get_secret_value() == token
    assert token not in repr(found)


@pytest.mark.parametrize("environment", [{}, {"GITHUB_TOKEN": ""}, {"GH_TOKEN": "\n"}])
def test_no_credential(environment: dict[str, str]) -> None:
    """It says which variables, and which block, would do."""
    with pytest.raises(SettingsError, match=r"GITHUB_TOKEN or GH_TOKEN .* GitHub Repository block"):
        GitHubLogin.of_environment(environment)


@pytest.mark.parametrize(
    ("remote", "settings", "repository", "base_url"),
    [
        ("git@github.com:acme/app.git", {}, "acme/app", PUBLIC_API),
        ("https://ghe.example/acme/app", {}, "acme/app", "https://ghe.example/api/v3"),
        ("https://github.com/acme/app", {"repository": "acme/fork"}, "acme/fork", PUBLIC_API),
        ("/srv/git/app", {"repository": "acme/app"}, "acme/app", PUBLIC_API),
        ("/srv/git/app", {"repository": "acme/app", "base_url": "https://x.example/api"}, "acme/app", "https://x.example/api"),
    ],
)  # fmt: skip
def test_the_repository(remote: str, settings: dict[str, str], repository: str, base_url: str) -> None:
    """The settings win; what they leave open the remote's address says, and else it is at github.com."""
    access = github_access(GitHubSettings(**settings), login=LOGIN, remote_url=remote)  # type: ignore[arg-type]
    assert (access.repository, access.base_url, access.token) == (repository, base_url, LOGIN.token)


def test_no_repository() -> None:
    """A remote that is not at GitHub needs the repository's name in the settings."""
    with pytest.raises(SettingsError, match=r"is no repository at GitHub.*repository ="):
        github_access(GitHubSettings(), login=LOGIN, remote_url="/srv/git/app")
