"""What our git commands see of the world."""

from __future__ import annotations

from miyabi.git import printable_path
from miyabi.git.command import environment


def test_nothing_points_git_elsewhere() -> None:
    """Started from a git hook, with another repository and author in the environment, we still mean this one."""
    given = {"GIT_DIR": "/x", "GIT_INDEX_FILE": "i", "GIT_AUTHOR_NAME": "n", "GIT_TRACE": "1", "PATH": "/bin"}
    seen = environment(given)
    assert not {"GIT_DIR", "GIT_INDEX_FILE", "GIT_AUTHOR_NAME", "GIT_TRACE"} & set(seen)
    assert seen["PATH"] == "/bin"


def test_the_users_settings_stay() -> None:
    """Settings that a user gives by the environment, such as safe.directory, count."""
    given = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
        "GIT_CONFIG_GLOBAL": "/g",
    }
    assert given.items() <= environment(given).items()


def test_git_asks_nobody_and_speaks_english() -> None:
    """No prompt can hang a run, and what git says can be recognised."""
    seen = environment({"LC_ALL": "ja_JP.UTF-8"})
    assert (seen["GIT_TERMINAL_PROMPT"], seen["LC_ALL"]) == ("0", "C")


def test_a_name_in_another_encoding_can_be_said() -> None:
    """A file name that is no UTF-8 stands in a report as something that can be written down."""
    assert printable_path(b"caf\xe9".decode("utf-8", "surrogateescape")) == "caf\N{REPLACEMENT CHARACTER}"
