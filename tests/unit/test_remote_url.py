"""What a remote's URL says."""

from __future__ import annotations

import pytest

from miyabi.errors import SettingsError
from miyabi.remote_url import GitHubPlace, RemoteUrl, github_place, web_origin

PUBLIC = "https://api.github.com"
TOKEN = "ghp" + "_a1B2c3D4e5F6g7H8i9J0k1L2"


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
    assert github_place(url) == GitHubPlace(repository="o-1/n.x", base_url=PUBLIC)


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
    assert github_place(url) == GitHubPlace(repository="o/n", base_url=base_url)


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
        github_place(url)


@pytest.mark.parametrize("url", ["https://me:secret@[::1/o/n", "https://me:secret@host:99999/o/n"])
def test_what_cannot_be_read_is_shown_without_its_login(url: str) -> None:
    """A broken URL is named, its password is not."""
    with pytest.raises(SettingsError, match=r"URL https://[^@]+ cannot be read: ") as caught:
        RemoteUrl.parse(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "address", "user", "password"),
    [
        ("https://github.com/o/n", "https://github.com/o/n", "", None),
        ("https://me@github.com/o/n", "https://github.com/o/n", "me", None),
        ("https://me:p%40ss@github.com/o/n", "https://github.com/o/n", "me", "p@ss"),
        (f"https://{TOKEN}@github.com/o/n", "https://github.com/o/n", TOKEN, ""),
        (f"https://{TOKEN}:x-oauth-basic@github.com:444/o/n", "https://github.com:444/o/n", TOKEN, "x-oauth-basic"),
        ("ssh://git:pw@github.com:22/o/n", "ssh://git@github.com:22/o/n", "git", "pw"),
        ("git@github.com:o/n", "git@github.com:o/n", "git", None),
    ],
)
def test_a_login_is_taken_apart(url: str, address: str, user: str, password: str | None) -> None:
    """What git gets on its command line holds no secret; no way to print the parts shows it."""
    parsed = RemoteUrl.parse(url)
    found = None if parsed.password is None else parsed.password.get_secret_value()
    assert (parsed.address, parsed.user, found) == (address, user, password)
    for secret in ("p@ss", "p%40ss", TOKEN):
        assert secret not in f"{parsed!r} {parsed}"


@pytest.mark.parametrize(
    ("base_url", "remote", "same"),
    [
        (PUBLIC, "https://github.com/o/n", True),
        (f"{PUBLIC}/", "https://github.com:443/o/n.git", True),
        (PUBLIC, "https://GITHUB.com/o/n", True),
        (PUBLIC, "https://github.com.evil.example/o/n", False),
        (PUBLIC, "https://gist.github.com/n", False),
        (PUBLIC, "https://github.com:8443/o/n", False),
        (PUBLIC, "http://github.com/o/n", False),
        (PUBLIC, "ssh://git@github.com/o/n", False),
        (PUBLIC, "https://github.com@evil.example/o/n", False),
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
