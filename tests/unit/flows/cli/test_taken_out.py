"""What a cordon says of who asked for it."""

from __future__ import annotations

import getpass
import os

import pytest

from flows.cli import taken_out


def test_a_user_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container nobody may have written who that user is: a number says it as well."""

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 1000")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert taken_out._caller().startswith(f"{os.getuid()}@")
