"""The local Prefect server: found or started, each home its own."""

from __future__ import annotations

import socketserver
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Thread

import httpx
import pytest

from flows.cli.local_server import Server, answers, find_server, local_server, revive_server, stop_server
from flows.cli.server_process import free_port, prefect_home
from tests.support.cli.local_site import LocalSite, make_local_site
from tests.support.machines.processes import eventually
from tests.support.prefect.server import RealServer, copy_database, prefect_database, start_server  # noqa: F401 - fixture


@pytest.fixture
def homes(tmp_path: Path, prefect_database: Path) -> list[Path]:
    """Two homes whose server has not run yet."""
    found = [tmp_path / name for name in ("one", "two")]
    for home in found:
        copy_database(prefect_database, home)
    return found


def test_two_that_start_at_once_on_one_port(homes: list[Path]) -> None:
    """Each home gets its own server, whichever was first at the port; both are found again, and end when told to."""
    first_port = free_port(41000)
    assert first_port
    try:
        with ThreadPoolExecutor() as threads:
            servers = list(threads.map(partial(local_server, first_port=first_port), homes))
        assert len({server.url for server in servers}) == 2
        assert [_home(server) for server in servers] == [str(prefect_home(home)) for home in homes]
        assert [find_server(home) for home in homes] == servers
    finally:
        assert [stop_server(home) for home in homes] == [True, True]
    assert [find_server(home) for home in homes] == [None, None]


@pytest.mark.parametrize(
    "says",
    [
        b"GET /api/health HTTP/1.1\r\n\r\n",
        b"SSH-2.0-x\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\ntrue",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 200,
        b"",
    ],
)
def test_what_is_no_server(says: bytes) -> None:
    """Whatever else listens at the address, and be it a port that is connected to itself, no Prefect answers there."""

    class Foreign(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(4096)
            self.request.sendall(says)

    with socketserver.TCPServer(("127.0.0.1", 0), Foreign) as foreign:
        Thread(target=foreign.handle_request).start()
        assert not answers(f"http://127.0.0.1:{foreign.server_address[1]}/api")


def test_one_that_dies_during_a_run(tmp_path: Path, prefect_database: Path) -> None:
    """The command starts it again at its address, and the run ends well; one that was told to stop stays so."""
    home = tmp_path / "water-spider"
    real = RealServer(home, start_server(home, database=prefect_database))
    try:
        with make_local_site(tmp_path, real) as site:
            _run_without_it(site, real)
        again = find_server(home)
        assert again
        assert (again.url, again.pid == real.server.pid) == (real.url, False)
        assert stop_server(home)
        assert revive_server(home) is None
        assert find_server(home) is None
    finally:
        stop_server(home)


def _run_without_it(site: LocalSite, real: RealServer) -> None:
    site.write_config()
    nodes = [
        {"id": "one", "prompt": "[[scenario:gate:one]]"},
        {"id": "two", "prompt": "[[scenario:write]]", "dependencies": ["one"]},
    ]
    command = site.orchestrate(nodes, MIYABI_HOME=str(real.home), PREFECT_API_URL="")
    eventually(lambda: len(site.calls) == 1, why=lambda: command.output)
    real.process.kill()
    site.open_gate("one")
    command.succeeds()
    assert site.report().all_succeeded


def _home(server: Server) -> str:
    return str(httpx.get(f"{server.url}/admin/settings").json()["home"])
