"""A company's proxy in the environment: what is on this computer is reached without it."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.support.cli.local_site import LocalSite
from tests.support.cli.milestone_site import MilestoneSite, emulate, github, quick  # noqa: F401 - fixtures
from tests.support.prefect.server import prefect_database, prefect_server  # noqa: F401 - fixtures


@pytest.fixture
def proxy() -> Iterator[socket.socket]:
    """One that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


@pytest.mark.parametrize(
    ("name", "kind"), [("HTTP_PROXY", "http"), ("http_proxy", "http"), ("ALL_PROXY", "http"), ("ALL_PROXY", "socks5")]
)
def test_a_run_beside_a_proxy(quick: MilestoneSite[LocalSite], proxy: socket.socket, name: str, kind: str) -> None:
    """Prefect's server, GitHub and git on loopback are all reached; the proxy has not been asked once."""
    milestone = quick.remote.milestone("v1")
    quick.issue("One", milestone)
    command = quick.orchestrate(milestone, **{name: f"{kind}://127.0.0.1:{proxy.getsockname()[1]}"})
    command.succeeds()
    assert len(quick.remote.pulls()) == 1
    with pytest.raises(BlockingIOError):
        proxy.accept()
