"""Addresses of this computer itself."""

from __future__ import annotations

import ipaddress

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""The usual ones, for those who take a list."""


def is_loopback(host: str) -> bool:
    """Returns whether what is sent to that host stays on this machine."""
    try:
        return host in LOOPBACK or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
