"""Find or start the local Prefect server. Imports no Prefect: starting it must not wait for two seconds of imports."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from miyabi.errors import ServerError

FIRST_PORT = 4200
LEASE_STORAGE = "prefect.server.concurrency.lease_storage.filesystem"
_KEPT = frozenset({"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TMPDIR", "TZ", "PYTHONPATH"})
_KEPT_PREFIXES = ("LC_", "PREFECT_SERVER_", "PREFECT_UI_")
_ANSWER_SECONDS = 5.0
_BUSY_SECONDS = 15.0
_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A Prefect server that answers. `pid` is None where it is not ours; `started` says that we just started it."""

    url: str
    ui_url: str
    pid: int | None = None
    started: bool = False


def default_home() -> Path:
    """Where the server keeps its database, leases and log: MIYABI_HOME or `~/.miyabi`."""
    return Path(os.environ.get("MIYABI_HOME") or "~/.miyabi").expanduser()


def client_settings(url: str) -> dict[str, str]:
    """Environment for every process that talks to the server at `url`: the command's own and workers'.

    Set it before Prefect is imported. Requests are retried for about four minutes, so that a server that is
    restarted ends nothing; log lines outside a flow run are not an error.
    """
    return {
        "PREFECT_API_URL": url,
        "PREFECT_CLIENT_MAX_RETRIES": "7",
        "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }


def ensure_server(home: Path | None = None, *, first_port: int = FIRST_PORT, timeout_seconds: float = 120) -> Server:
    """A server that answers: the one of PREFECT_API_URL, else the one recorded in `home`, else a new one.

    A new one runs on 127.0.0.1, outlives this process, and takes about 5 s to answer, 15 s the first time (it makes
    its database). Callers at the same time share one. Blocks; run it in a thread to import Prefect meanwhile.

    Raises:
        ServerError: it does not answer; the message has the end of its log.
    """
    if url := os.environ.get("PREFECT_API_URL"):
        return _given(url.rstrip("/"))
    home = home or default_home()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _lock(home):
        return _recorded(home) or _start(home, first_port=first_port, timeout_seconds=timeout_seconds)


def stop_server(home: Path | None = None, *, timeout_seconds: float = 10) -> bool:
    """Stops the server that `ensure_server` started for `home`; False where none runs."""
    home = home or default_home()
    if not home.is_dir():
        return False
    with _lock(home):
        record = _read_record(home)
        if record is None or record.pid is None or not _is_ours(record.pid):
            return False
        _end(record.pid, timeout_seconds=timeout_seconds)
        _record_file(home).unlink(missing_ok=True)
        return True


def answers(url: str, *, timeout_seconds: float = _ANSWER_SECONDS) -> bool:
    """Whether a Prefect API answers at `url` (`http://host:port/api`)."""
    opener = urllib.request.build_opener(*_proxies(url))
    try:
        with opener.open(f"{url}/health", timeout=timeout_seconds) as response:
            return bool(response.read(64).strip() == b"true")
    except (OSError, ValueError, urllib.error.URLError):
        return False


def _proxies(url: str) -> tuple[urllib.request.ProxyHandler, ...]:
    """No proxy for this machine, whatever the environment says."""
    local = "//127." in url or "//localhost" in url or "//[::1]" in url
    return (urllib.request.ProxyHandler({}),) if local else ()


def _given(url: str) -> Server:
    if answers(url):
        return Server(url=url, ui_url=url.removesuffix("/api"))
    raise ServerError(
        f"PREFECT_API_URL is {url}, but no Prefect server answers there. "
        "Start it, correct the address, or unset PREFECT_API_URL to use a local server."
    )


def _recorded(home: Path) -> Server | None:
    record = _read_record(home)
    if record is None or record.pid is None or not _is_ours(record.pid):
        return None
    deadline = time.monotonic() + _BUSY_SECONDS
    while not answers(record.url):
        if not _alive(record.pid):
            return None
        if time.monotonic() > deadline:
            raise ServerError(
                f"The Prefect server at {record.url} (process {record.pid}) runs but does not answer. "
                f"See {_log_file(home)}; stop it with: kill {record.pid}"
            )
        time.sleep(0.2)
    return record


def _start(home: Path, *, first_port: int, timeout_seconds: float) -> Server:
    for port in _free_ports(home, first_port):
        process = _spawn(home, port)
        server = Server(url=f"http://127.0.0.1:{port}/api", ui_url=f"http://127.0.0.1:{port}", pid=process.pid)
        if _wait_until_ready(home, server, process, timeout_seconds=timeout_seconds):
            _write_record(home, server)
            return Server(url=server.url, ui_url=server.ui_url, pid=server.pid, started=True)
    raise ServerError(f"No free port from {first_port} on for the Prefect server. Set PREFECT_API_URL to one that runs.")


def _wait_until_ready(
    home: Path, server: Server, process: subprocess.Popen[bytes], *, timeout_seconds: float
) -> bool:
    """True when it answers, False where its port was taken by another in the meantime."""
    deadline = time.monotonic() + timeout_seconds
    while not answers(server.url, timeout_seconds=1):
        if process.poll() is not None:
            if "already in use" in (tail := _log_tail(home)):
                return False
            raise ServerError(f"The Prefect server ended with status {process.returncode} while it started:\n{tail}")
        if time.monotonic() > deadline:
            _end(process.pid, timeout_seconds=5)
            raise ServerError(
                f"The Prefect server did not answer at {server.url} within {timeout_seconds:g} s. "
                f"The end of {_log_file(home)}:\n{_log_tail(home)}"
            )
        time.sleep(0.1)
    return True


def _spawn(home: Path, port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with _log_file(home).open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=home,  # Prefect reads settings from a pyproject.toml of the working directory
            env=_environment(home, port),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _children[process.pid] = process
    return process


def _environment(home: Path, port: int) -> dict[str, str]:
    """What the server needs and no secret of ours."""
    kept = {
        name: value for name, value in os.environ.items() if name in _KEPT or name.startswith(_KEPT_PREFIXES)
    }
    ours = {
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_UI_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    return {"PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": LEASE_STORAGE} | kept | ours


def _free_ports(home: Path, first_port: int) -> Iterator[int]:
    """The port of last time first, so that addresses written down elsewhere stay good."""
    record = _read_record(home)
    last = [int(record.ui_url.rsplit(":", 1)[1])] if record else []
    for port in [*last, *range(first_port, first_port + 100)]:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                yield port


@contextlib.contextmanager
def _lock(home: Path) -> Iterator[None]:
    with (home / "server.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
