"""What a remote's URL says."""

from __future__ import annotations

import pytest

from miyabi.errors import SettingsError
from miyabi.git import RemoteUrl

TOKEN = "ghp" + "_a1B2c3D4e5F6g7H8i9J0k1L2"


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
