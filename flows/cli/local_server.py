"""Find or start the local Prefect server. Imports no Prefect: starting it must not wait for two seconds of imports."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flows.cli.prefect_settings import api_address
from flows.cli.server_process import ServerProcess, free_port, prefect_home, raised_as_unusable
from miyabi.errors import ServerError, SettingsError
from miyabi.system import files, is_loopback
from miyabi.text import one_line, redact

FIRST_PORT = 4200
_BUSY_SECONDS = 15.0
_START_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A Prefect server that answers. `pid` is None where it is not ours, or was stopped."""

    url: str
    ui_url: str
    pid: int | None = None


def client_settings(url: str) -> dict[str, str]:
    """Returns the environment of every process that talks to the server at `url`: the command's own and workers'.

    Set it before Prefect is imported. Requests are retried for four minutes, so that a server which is restarted
    ends nothing.
    """
    return {
        "PREFECT_API_URL": url,
        "PREFECT_CLIENT_MAX_RETRIES": "7",
        "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }


def ensure_server(home: Path) -> Server:
    """Finds or starts a server: the one that Prefect is set to use, else the one recorded in `home`, else a new one.

    A new one listens on 127.0.0.1, outlives this process, and takes about 5 s to answer, 15 s the first time, when
    it makes its database. Callers at the same time share one. Blocks: run it in a thread to import Prefect meanwhile.

    Raises:
        SettingsError: Prefect's profiles cannot be read, or the address that they or the shell give is mistyped.
        ServerError: it does not answer, with the end of its log.
    """
    if given := api_address():
        url, source = given
        return _given(url.strip().rstrip("/"), source=source)
    return local_server(home)


def local_server(home: Path, *, first_port: int = FIRST_PORT, timeout_seconds: float = _START_SECONDS) -> Server:
    """Finds or starts the server of `home`, whatever PREFECT_API_URL says; else as `ensure_server`.

    Raises:
        ServerError: it does not answer, with the end of its log; or `home` cannot hold its files.
        DiskFull: there is no room for them.
    """
    with raised_as_unusable(home):
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _lock(home):
        return find_server(home) or _start(home, first_port=first_port, timeout_seconds=timeout_seconds)


def find_server(home: Path) -> Server | None:
    """Finds the server that was started for `home`; None where it does not run.

    Raises:
        ServerError: it runs, but has not answered for 15 s.
    """
    record = _read_record(home)
    process = _process(home, record)
    if record is None or process is None:
        return None
    deadline = time.monotonic() + _BUSY_SECONDS
    while not answers(record.url):
        if not process.is_alive():
            return None
        if time.monotonic() > deadline:
            raise ServerError(
                f"The Prefect server at {record.url} (process {record.pid}) runs but does not answer. "
                f"See {process.log}, or stop it with: kill {record.pid}"
            )
        time.sleep(0.2)
    return record


def stop_server(home: Path, *, timeout_seconds: float = 10) -> bool:
    """Stops the server that `ensure_server` started for `home`; returns False where none runs.

    Raises:
        ServerError: `home` cannot hold its files.
        DiskFull: there is no room for them.
    """
    with raised_as_unusable(home):
        if not home.is_dir():
            return False
    with _lock(home):
        record = _read_record(home)
        process = _process(home, record)
        if record is None or process is None:
            return False
        process.end(timeout_seconds=timeout_seconds)
        _write_record(home, replace(record, pid=None))
        return True


def revive_server(home: Path) -> Server | None:
    """Starts the server of `home` again where it died; None where it runs, or `stop_server` has stopped it.

    Raises:
        ServerError: as `local_server`.
    """
    with _lock(home):
        record = _read_record(home)
        if record is None or record.pid is None or _process(home, record):
            return None
        return _start(home, first_port=FIRST_PORT, timeout_seconds=_START_SECONDS)


def _process(home: Path, record: Server | None) -> ServerProcess | None:
    """The recorded process, where it runs."""
    process = ServerProcess(home=home, pid=record.pid) if record and record.pid else None
    return process if process and process.is_ours() else None


def answers(url: str, *, timeout_seconds: float = 5) -> bool:
    """Returns whether a Prefect API answers at `url`, which looks like `http://host:port/api`."""
    return _get(f"{url}/health", timeout_seconds=timeout_seconds) is True


def _get(url: str, *, timeout_seconds: float) -> Any:
    """The JSON value there, None where nothing fit to be one came."""
    foreign = (OSError, ValueError, http.client.HTTPException)  # whatever else listens there says what it likes
    with contextlib.suppress(*foreign), _opener(url).open(url, timeout=timeout_seconds) as response:
        return json.loads(response.read())
    return None


def _opener(url: str) -> urllib.request.OpenerDirector:
    """One that asks no proxy for this computer, whatever the environment names."""
    direct = [urllib.request.ProxyHandler({})] if is_loopback(urlsplit(url).hostname or "") else []
    return urllib.request.build_opener(*direct)


def _given(url: str, *, source: str) -> Server:
    if answers(url):
        return Server(url=url, ui_url=url.removesuffix("/api"))
    said = f"{source} is {one_line(redact(url))}"
    if meant := _meant(url):
        does = "answers" if answers(meant) else "may be meant"
        raise SettingsError(f"{said}: an address is like http://HOST:4200/api, and {one_line(redact(meant))} {does}.")
    raise ServerError(
        f"{said}, but no Prefect server answers there. "
        "Start it, correct the address, or unset PREFECT_API_URL to use a local server."
    )


def _meant(url: str) -> str | None:
    """The address with what was forgotten; None where nothing was. One with a path of its own is taken as it is."""
    whole = url if "://" in url else f"http://{url}"
    host, _, path = whole.partition("://")[2].partition("/")
    whole = whole if path or not host else f"{whole}/api"
    return None if whole == url else whole


def _start(home: Path, *, first_port: int, timeout_seconds: float) -> Server:
    first = first_port
    while port := free_port(_last_port(home), first):
        process = ServerProcess.spawn(home, port=port)
        server = Server(url=f"http://127.0.0.1:{port}/api", ui_url=f"http://127.0.0.1:{port}", pid=process.pid)
        if _see_started(home, server, process, timeout_seconds=timeout_seconds):
            return server
        first = max(first, port) + 1
    raise ServerError(f"No free port from {first_port} on. Set PREFECT_API_URL to a Prefect server that runs.")


def _see_started(home: Path, server: Server, process: ServerProcess, *, timeout_seconds: float) -> bool:
    """As `_wait_until_ready`. From the first moment `stop_server` knows it; who ends the start early ends it too."""
    try:
        _write_record(home, server)
        return _wait_until_ready(home, server, process, timeout_seconds=timeout_seconds)
    except BaseException:
        process.end(timeout_seconds=5)
        raise
    finally:
        process.release()


def _wait_until_ready(home: Path, server: Server, process: ServerProcess, *, timeout_seconds: float) -> bool:
    """True when it answers, False where somebody, such as the server of another home, took its port meanwhile."""
    deadline = time.monotonic() + timeout_seconds
    while not _answers_from(home, server):
        if not process.is_alive():
            if process.has_lost_its_port():
                return False
            raise ServerError(
                f"The Prefect server ended while it started. The end of {process.log}:\n{process.log_tail()}"
            )
        if time.monotonic() > deadline:
            process.end(timeout_seconds=5)
            raise ServerError(
                f"The Prefect server did not answer at {server.url} within {timeout_seconds:g} s. "
                f"The end of {process.log}:\n{process.log_tail()}"
            )
        time.sleep(0.1)
    return True


def _answers_from(home: Path, server: Server) -> bool:
    """Whether a server answers there, and it is that of `home`: others may be starting at the same time."""
    settings = answers(server.url, timeout_seconds=1) and _get(f"{server.url}/admin/settings", timeout_seconds=5)
    return isinstance(settings, dict) and Path(settings.get("home", "")).resolve() == prefect_home(home).resolve()


def _last_port(home: Path) -> int | None:
    """The port of last time, so that addresses written down elsewhere stay good."""
    record = _read_record(home)
    return int(record.ui_url.rsplit(":", 1)[1]) if record else None


def _record_file(home: Path) -> Path:
    return home / "server.json"


def _read_record(home: Path) -> Server | None:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        record = json.loads(_record_file(home).read_bytes())
        pid = int(record["pid"]) if record["pid"] else None
        return Server(url=str(record["url"]), ui_url=str(record["ui_url"]), pid=pid)
    return None


def _write_record(home: Path, server: Server) -> None:
    with raised_as_unusable(home):
        files.atomic_write(_record_file(home), json.dumps(asdict(server)) + "\n")


@contextlib.contextmanager
def _lock(home: Path) -> Iterator[None]:
    """Holds the server of `home` inside the context; waits for whoever starts or stops it."""
    with contextlib.ExitStack() as held:
        with raised_as_unusable(home):
            held.enter_context(files.locked(home / "server.lock"))
        yield
