"""As whom GitHub is asked, and which repository."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from miyabi.errors import SettingsError
from miyabi.git import RemoteUrl
from miyabi.github import GitHubLogin, token_of_environment
from miyabi.github.access import GitHubAccess, GitHubAddress, github_access, github_address, web_origin
from miyabi.settings import PUBLIC_API, GitHubSettings

TOKEN = "ghp" + "_a1B2c3D4e5F6g7H8i9J0k1L2"
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


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/o-1/n.x.git",
        "https://github.com/o-1/n.x",
        "https://github.com/o-1/n.x/",
        "https://www.github.com/o-1/n.x.git",
        f"https://x-access-token:{TOKEN}@github.com/o-1/n.x.git",
        "http://github.com/o-1/n.x",
        "git@github.com:o-1/n.x.git",
        "github.com:o-1/n.x",
        "git@github.com:/o-1/n.x.git",
        "ssh://git@github.com/o-1/n.x.git",
        "ssh://git@ssh.github.com:443/o-1/n.x",
        "git+ssh://git@github.com/o-1/n.x",
        "git://github.com/o-1/n.x.git",
        "https://GitHub.com/o-1/n.x.git",
    ],
)
def test_all_ways_to_say_a_repository(url: str) -> None:
    """However a repository at GitHub is addressed, owner, name and API are found."""
    assert github_address(url) == GitHubAddress(repository="o-1/n.x", base_url=PUBLIC_API)


@pytest.mark.parametrize(
    ("url", "base_url"),
    [
        ("https://git.corp.example/o/n.git", "https://git.corp.example/api/v3"),
        ("https://git.corp.example:8443/o/n.git", "https://git.corp.example:8443/api/v3"),
        ("git@git.corp.example:o/n.git", "https://git.corp.example/api/v3"),
        ("ssh://git@git.corp.example:2222/o/n.git", "https://git.corp.example/api/v3"),
        ("http://git.corp.example/o/n", "https://git.corp.example/api/v3"),
        ("git@10.1.2.3:o/n.git", "https://10.1.2.3/api/v3"),
        ("https://corp.ghe.com/o/n", "https://api.corp.ghe.com"),
        ("http://127.0.0.1:4801/o/n.git", "http://127.0.0.1:4801/api/v3"),
        ("http://[::1]:4801/o/n.git", "http://[::1]:4801/api/v3"),
    ],
)
def test_enterprise_hosts_have_their_own_api(url: str, base_url: str) -> None:
    """At GitHub Enterprise the API is at the host itself; with data residency, at a host beside it."""
    assert github_address(url) == GitHubAddress(repository="o/n", base_url=base_url)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("/srv/git/n.git", "/srv/git/n.git is no repository at GitHub"),
        ("../n.git", "is no repository at GitHub"),
        ("C:/repos/n", "is no repository at GitHub"),
        ("file:///srv/n.git", "is no repository at GitHub"),
        ("ext::sh -c x", "is no repository at GitHub"),
        ("git@work:o/n.git", "is at work, which is not known as a GitHub host"),
        ("https://gitlab.com/o/n.git", "is at gitlab.com, which is not known"),
        ("git@bitbucket.org:o/n.git", "is at bitbucket.org, which is not known"),
        ("https://github.com/o", "has no path of the form owner/name"),
        ("https://github.com/o/n/tree/main", "has no path of the form owner/name"),
        ("git@github.com:~/n", "has no path of the form owner/name"),
    ],
)
def test_others_say_what_to_set(url: str, words: str) -> None:
    """What is no repository at GitHub is bad input, with the settings that say which one is meant."""
    with pytest.raises(SettingsError, match=rf"{words}.*repository = \"owner/name\""):
        github_address(url)


@pytest.mark.parametrize(
    ("base_url", "remote", "same"),
    [
        (PUBLIC_API, "https://github.com/o/n", True),
        (f"{PUBLIC_API}/", "https://github.com:443/o/n.git", True),
        (PUBLIC_API, "https://GITHUB.com/o/n", True),
        (PUBLIC_API, "https://github.com.evil.example/o/n", False),
        (PUBLIC_API, "https://gist.github.com/n", False),
        (PUBLIC_API, "https://github.com:8443/o/n", False),
        (PUBLIC_API, "http://github.com/o/n", False),
        (PUBLIC_API, "ssh://git@github.com/o/n", False),
        (PUBLIC_API, "https://github.com@evil.example/o/n", False),
        ("https://git.corp.example/api/v3", "https://git.corp.example/o/n", True),
        ("https://git.corp.example/api/v3", "https://github.com/o/n", False),
        ("https://api.corp.ghe.com", "https://corp.ghe.com/o/n", True),
        ("http://127.0.0.1:1/api/v3", "http://127.0.0.1:1/o/n", True),
        ("http://127.0.0.1:1", "http://127.0.0.1:2/o/n", False),
    ],
)
def test_who_gets_the_token(base_url: str, remote: str, *, same: bool) -> None:
    """The API's token is for the host that serves the API's repositories, and for no other scheme, host or port."""
    assert (RemoteUrl.parse(remote).origin == web_origin(base_url)) is same


@pytest.mark.parametrize(
    ("base_url", "host"),
    [
        (None, "github.com"),
        ("https://api.corp.ghe.com", "corp.ghe.com"),
        ("https://git.corp.example/api/v3", "git.corp.example"),
    ],
)
def test_the_environments_token_goes_to_the_servers_of_the_settings(
    monkeypatch: pytest.MonkeyPatch, base_url: str | None, host: str
) -> None:
    """Git gets the token with the one server that it is for; it is shown nowhere, and without one there is none."""
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    monkeypatch.setenv("GH_TOKEN", TOKEN)
    found = token_of_environment(GitHubSettings(base_url=base_url))
    assert found is not None
    assert (found.token.get_secret_value(), found.origin) == (TOKEN, ("https", host, 443))
    assert TOKEN not in repr(found)
    monkeypatch.delenv("GH_TOKEN")
    assert token_of_environment(GitHubSettings(base_url=base_url)) is None


@pytest.mark.parametrize(
    ("base_url", "graphql"),
    [
        ("https://api.github.com", "https://api.github.com/graphql"),
        ("https://host/api/v3", "https://host/api/graphql"),
        ("https://api.octocorp.ghe.com/", "https://api.octocorp.ghe.com/graphql"),
    ],
)
def test_where_graphql_is(base_url: str, graphql: str) -> None:
    """Below the API's root, at an Enterprise Server beside it."""
    assert GitHubAccess(repository="o/r", token=SecretStr("t"), base_url=base_url).graphql == graphql
