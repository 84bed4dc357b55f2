"""One real Prefect server for a whole test session: SQLite, leases on disk, a free port, everything in one folder."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from flows.server import Server, client_settings, local_server
from flows.server_process import ServerProcess, free_port


@dataclass(slots=True)
class RealServer:
    """A server that a test may kill and start again on the same port and database."""

    home: Path
    server: Server

    @property
    def url(self) -> str:
        """Address of its API."""
        return self.server.url

    @property
    def environment(self) -> dict[str, str]:
        """What a child process needs to use it."""
        return client_settings(self.url) | {"PREFECT_HOME": str(self.home / "client")}

    def kill(self) -> None:
        """SIGKILL, as a crash."""
        assert self.server.pid
        ServerProcess(home=self.home, pid=self.server.pid).kill()

    def restart(self) -> None:
        """Starts it again; returns when it answers."""
        self.server = local_server(self.home)

    def stop(self) -> None:
        """Ends it."""
        if self.server.pid:
            ServerProcess(home=self.home, pid=self.server.pid).end(timeout_seconds=5)


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[RealServer]:
    """The session's server; Prefect in this process uses it."""
    home = tmp_path_factory.mktemp("prefect-server")
    template = request.config.cache.mkdir("prefect-server") / f"{importlib.metadata.version('prefect')}.db"
    (home / "prefect").mkdir()
    if template.exists():
        shutil.copy(template, home / "prefect" / "prefect.db")
    real = RealServer(home, local_server(home, first_port=free_port(20000 + os.getpid() % 20000) or 0))
    _keep_database(home / "prefect" / "prefect.db", template)
    with _in_this_process(real.environment):
        yield real
    real.stop()


def _keep_database(database: Path, template: Path) -> None:
    """An empty database with its schema takes ten seconds to make: the next session starts from a copy."""
    if not template.exists():
        with contextlib.closing(sqlite3.connect(database)) as source:
            with contextlib.closing(sqlite3.connect(template)) as target:
                source.backup(target)


@contextlib.contextmanager
def _in_this_process(environment: dict[str, str]) -> Iterator[None]:
    import prefect.context  # noqa: PLC0415 - two seconds, only for tests that want the server
    from prefect.events.worker import EventsWorker  # noqa: PLC0415

    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        prefect.context.refresh_global_settings_context()
        yield
        EventsWorker.drain_all(timeout=5)
    prefect.context.refresh_global_settings_context()
