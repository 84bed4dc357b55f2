"""One real Prefect server for a whole test session: SQLite, leases on disk, a free port, everything in one folder."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.metadata
import os
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from flows.cli.local_server import Server, client_settings, local_server
from flows.cli.server_process import ServerProcess, free_port, prefect_home

_FIRST_PORT = 20000
_started: list[RealServer] = []


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

    @property
    def process(self) -> ServerProcess:
        """Its process."""
        return ServerProcess(home=self.home, pid=self.server.pid or 0)

    def restart(self) -> None:
        """Starts it again after it was killed; returns when it answers."""
        self.server = local_server(self.home)


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory, prefect_database: Path) -> Iterator[RealServer]:
    """The session's server; Prefect in this process uses it."""
    if _started:  # a fixture that two modules import is set up twice
        yield _started[0]
        return
    home = tmp_path_factory.mktemp("prefect-server")
    real = RealServer(home, start_server(home, database=prefect_database))
    _started.append(real)
    with _used_here(real.environment):
        yield real
    real.process.end(timeout_seconds=5)
    _started.clear()


@pytest.fixture(scope="session")
def prefect_database(pytestconfig: pytest.Config) -> Path:
    """Where an empty database with Prefect's tables is kept between test sessions: it takes ten seconds to make."""
    version = importlib.metadata.version("prefect")
    return (
        Path(pytestconfig.cache.mkdir("prefect-server")) / f"{version}.db" if pytestconfig.cache else Path(os.devnull)
    )


def start_server(home: Path, *, database: Path, first_port: int = 0) -> Server:
    """A server of its own for `home`, on a free port, started with a copy of `database` if there is one.

    One that is killed leaves its port to whoever starts next: several that are, at once, need ports of their own.
    """
    first_port = first_port or free_port(_FIRST_PORT + os.getpid() % 20000) or _FIRST_PORT
    if database.exists():
        return _start(home, database, first_port)
    with database.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one process makes it, the others wait for that
        server = _start(home, database, first_port)
        if not database.exists():
            _keep(_database(home), database)
    return server


def _start(home: Path, database: Path, first_port: int) -> Server:
    copy_database(database, home)
    return local_server(home, first_port=first_port)


def copy_database(database: Path, home: Path) -> None:
    """Gives the server of `home` a copy of `database` to begin with, if there is one."""
    target = _database(home)
    target.parent.mkdir(parents=True, exist_ok=True)
    if database.is_file():
        shutil.copy(database, target)


def _database(home: Path) -> Path:
    return prefect_home(home) / "prefect.db"


def _keep(source: Path, target: Path) -> None:
    """Whole or not at all: several test processes may do it at the same time."""
    made = target.with_name(f"{target.name}.{os.getpid()}")
    with contextlib.closing(sqlite3.connect(source)) as full, contextlib.closing(sqlite3.connect(made)) as empty:
        full.backup(empty)
    made.replace(target)


@contextlib.contextmanager
def _used_here(environment: dict[str, str]) -> Iterator[None]:
    import prefect.context  # noqa: PLC0415 - two seconds, only for tests that want the server
    from prefect.events.worker import EventsWorker  # noqa: PLC0415 - same

    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        prefect.context.refresh_global_settings_context()
        yield
        EventsWorker.drain_all(timeout=5)
    prefect.context.refresh_global_settings_context()
