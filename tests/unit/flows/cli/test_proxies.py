"""Proxies, and what they are kept from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from urllib.request import getproxies, proxy_bypass

import httpx
import pytest

from flows.cli import proxies
from flows.cli.proxies import exempt_from_proxies
from miyabi.errors import SettingsError

PROXY = "http://user:secret@proxy.example:3128"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An environment without any; what a test sets is gone afterwards."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    yield
    os.environ.clear()
    os.environ.update(before)


def is_asked(url: str) -> bool:
    """Whether httpx would ask a proxy for it; urllib agrees."""
    with httpx.Client(verify=False) as client:  # noqa: S501 - it asks nobody
        proxied = client._transport_for_url(httpx.URL(url)) is not client._transport
    host = httpx.URL(url).host
    assert proxied is not bool(proxy_bypass(host)) or not getproxies().keys() - {"no"}
    return proxied


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("address", [PROXY, "proxy.example:3128", "socks5://proxy.example:1080"])
def test_this_computer_and_the_machines(name: str, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy is asked for them, whatever variable names it and of whatever kind it is; for all else it is."""
    monkeypatch.setenv(name, address)
    assert is_asked("http://127.0.0.1:4200/api")
    exempt_from_proxies(["mini1.local", "10.0.0.7"])
    for host in ("127.0.0.1", "localhost", "[::1]", "mini1.local", "10.0.0.7"):
        assert not is_asked(f"http://{host}:4200/api"), host
    assert is_asked("http://elsewhere.example/")
    assert os.environ[name] == address


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_what_the_user_exempts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stays exempt."""
    monkeypatch.setenv("HTTP_PROXY", PROXY)
    monkeypatch.setenv(name, "intern.example, 192.168.0.1")
    exempt_from_proxies([])
    assert not is_asked("http://intern.example/")
    assert not is_asked("http://192.168.0.1/")
    assert is_asked("http://elsewhere.example/")


def test_proxies_of_macos(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of its network settings are asked as before, but not for this computer."""
    monkeypatch.setattr(proxies, "getproxies", lambda: {"http": PROXY, "https": PROXY, "ftp": "http://f"})
    monkeypatch.setattr(proxies, "_exceptions_of_macos", lambda: [".local"])
    exempt_from_proxies([])
    assert is_asked("http://elsewhere.example/")
    assert is_asked("https://elsewhere.example/")
    assert not is_asked("http://127.0.0.1:4200/")
    assert not is_asked("http://mini1.local/")
    assert "ftp_proxy" not in os.environ


def test_without_any(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is set where no proxy is."""
    before = dict(os.environ)
    exempt_from_proxies(["mini1.local"])
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    "address", ["socks4://u:secret@proxy:1", "ftp://proxy", "http://u:secret@proxy:port", "http://"]
)
def test_one_that_cannot_be_used(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is bad input that names the variable and shows no password."""
    monkeypatch.setenv("ALL_PROXY", address)
    with pytest.raises(SettingsError, match=r"^ALL_PROXY: .* or unset it\.$") as caught:
        exempt_from_proxies([])
    assert "secret" not in str(caught.value)
