"""Addresses of this computer itself."""

from __future__ import annotations

import pytest

from miyabi.system import LOOPBACK, is_loopback


@pytest.mark.parametrize("host", [*LOOPBACK, "127.8.9.10"])
def test_this_computer(host: str) -> None:
    """Its names, and all of 127.0.0.0/8 (RFC 1122, 3.2.1.3)."""
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "10.0.0.1", "127.example.com", "localhost.example.com", "mini1.local", "::2"])
def test_another_computer(host: str) -> None:
    """No name that only begins like one of this computer's is one of them."""
    assert not is_loopback(host)
