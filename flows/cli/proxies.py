"""Proxies of the environment, or of macOS, are for the network outside: not for this computer and the machines."""

from __future__ import annotations

import os
from collections.abc import Iterable
from urllib.parse import urlsplit
from urllib.request import getproxies

from miyabi.errors import SettingsError
from miyabi.system import LOOPBACK

_CATCHING = ("http", "https", "all", "socks", "ws", "wss")
_USABLE = frozenset({"http", "https", "socks5", "socks5h"})


def exempt_from_proxies(hosts: Iterable[str]) -> None:
    """Has no proxy asked, from now on, for this computer and for `hosts`, by us, Prefect and git.

    Sets `no_proxy` and `NO_PROXY`. That hides the proxies of macOS from who looks for them, so these are then in the
    environment too.

    Raises:
        SettingsError: a proxy is of a kind that is not known here.
    """
    proxies = {scheme: address for scheme, address in getproxies().items() if scheme in _CATCHING}
    if not proxies:
        return
    before = [host.strip() for host in getproxies().get("no", "").split(",")]
    for scheme, address in proxies.items():
        _require_usable(scheme, address)
        if not any(f"{scheme}_proxy" == name.lower() for name in os.environ):
            os.environ[f"{scheme}_proxy"] = address
            before += _exceptions_of_macos()
    exempt = ",".join(dict.fromkeys(host for host in (*before, *LOOPBACK, *hosts) if host))
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = exempt


def _require_usable(scheme: str, address: str) -> None:
    url = urlsplit(address if "://" in address else f"http://{address}")
    try:
        is_usable = url.scheme in _USABLE and bool(url.hostname) and url.port != 0
    except ValueError:  # the port is no number
        is_usable = False
    if not is_usable:
        shown = f"{url.scheme}://{url.netloc.rpartition('@')[2]}"  # without a password
        raise SettingsError(
            f"{scheme.upper()}_PROXY: {shown} is no proxy that can be used. "
            f"Correct the variable to http://, https:// or socks5://HOST:PORT, or unset it."
        )


def _exceptions_of_macos() -> list[str]:
    """Hosts that the network settings of a Mac exempt."""
    try:
        from _scproxy import _get_proxy_settings  # type: ignore[import-not-found] # noqa: PLC0415 - only macOS has it
    except ImportError:
        return []
    found: Iterable[str] = _get_proxy_settings().get("exceptions", ())
    return [host.removeprefix("*") for host in found if "/" not in host]
