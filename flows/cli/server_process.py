"""The process of the local Prefect server: spawned outside our session, found again by its number, ended."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from miyabi.errors import ServerError
from miyabi.system import disk_full, is_full

DEFAULTS = {
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    # one transaction a task run event keeps SQLite busy for others, at 48 ms CPU a task run; so it is 17 ms
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "2",
}
"""What our server does otherwise than Prefect's default; the same variables in our environment win."""

_KEPT = frozenset({"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TMPDIR", "TZ", "PYTHONPATH"})
_KEPT_PREFIXES = ("LC_", "PREFECT_SERVER_", "PREFECT_UI_")
_PORTS_TRIED = 100
_TAIL_BYTES = 2000
_children: dict[int, subprocess.Popen[bytes]] = {}
_starting: dict[int, int] = {}

# Until it reads that the start is over, a child ends the server as soon as the process that started it has ended.
_GUARDED = 'exec 3<&0 </dev/null; ( ( read -r over <&3 || kill $$ ) & ); exec "$@" 3<&-'


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerProcess:
    """A server process, by its number."""

    home: Path
    pid: int

    @classmethod
    def spawn(cls, home: Path, *, port: int) -> Self:
        """Starts a new one on 127.0.0.1; it answers after some seconds, and lives on when we end after `release`.

        Raises:
            ServerError: its log cannot be written.
            DiskFull: there is no room for it.
            OSError: it cannot be started.
        """
        line = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
        command = ["/bin/sh", "-c", _GUARDED, "sh", *line]
        with _new_log(home) as log:
            guard, ours = os.pipe()
            child = subprocess.Popen(
                command,
                cwd=home,  # Prefect would read settings from a pyproject.toml in the working directory
                env=_environment(home, port),
                stdin=guard,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        os.close(guard)
        _children[child.pid], _starting[child.pid] = child, ours
        return cls(home=home, pid=child.pid)

    def release(self) -> None:
        """Ends the start: the server lives on, or has ended, whatever becomes of us."""
        ours = _starting.pop(self.pid, None)
        if ours is not None:
            with contextlib.suppress(BrokenPipeError):
                os.write(ours, b"over\n")
            os.close(ours)

    @property
    def log(self) -> Path:
        """The file with all it says."""
        return self.home / "server.log"

    def log_tail(self) -> str:
        """Returns the last 2,000 bytes of its log, as text."""
        with contextlib.suppress(OSError):
            return self.log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace").strip()
        return ""

    def has_lost_its_port(self) -> bool:
        """Returns whether it says that somebody else, such as the server of another home, was quicker at its port."""
        with contextlib.suppress(OSError):
            return b"already in use" in self.log.read_bytes()
        return False

    def is_alive(self) -> bool:
        """Returns whether the process runs."""
        if child := _children.get(self.pid):
            return child.poll() is None
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True

    def is_ours(self) -> bool:
        """Returns whether it runs and is a Prefect server, not another process that got its number."""
        if not self.is_alive():
            return False
        words = ["ps", "-ww", "-o", "args=", "-p", str(self.pid)]
        return b"prefect server start" in subprocess.run(words, capture_output=True, check=False).stdout

    def end(self, *, timeout_seconds: float) -> None:
        """Ends it: by SIGTERM, and by SIGKILL where it is still there after `timeout_seconds`."""
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + timeout_seconds
        while self.is_alive() and time.monotonic() < deadline:
            time.sleep(0.05)
        if self.is_alive():
            self._signal(signal.SIGKILL)
            self._wait_for_end()

    def kill(self) -> None:
        """Ends it at once by SIGKILL, as a crash would."""
        self._signal(signal.SIGKILL)
        self._wait_for_end()

    def _wait_for_end(self) -> None:
        while self.is_alive():
            time.sleep(0.02)

    def _signal(self, number: int) -> None:
        # it leads its own session, so its group is it and its children
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


@contextlib.contextmanager
def raised_as_unusable(home: Path) -> Iterator[None]:
    """Raises an OSError from inside as what is wrong with the folder, or with what else stands in a file's place there.

    Raises:
        ServerError: naming the file, what was found and what to do.
        DiskFull: the disk or the quota is full.
    """
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise disk_full(error) from error
        file = Path(os.fsdecode(error.filename2 or error.filename or home))
        if file.parent == home and os.access(file, os.F_OK):
            text = f"{file}: {error.strerror}. Move it away, or set MIYABI_HOME to another folder."
        else:
            found = f"{home} cannot hold the Prefect server's files: {error.strerror}"
            text = f"{found}. Set MIYABI_HOME to a folder of yours."
        raise ServerError(text) from None


def _new_log(home: Path) -> BinaryIO:
    """Opens it for a new server; the one of the last may say why that died."""
    log = home / "server.log"
    with raised_as_unusable(home):
        with contextlib.suppress(FileNotFoundError):
            log.replace(log.with_suffix(".log.1"))
        return log.open("wb")


def prefect_home(home: Path) -> Path:
    """Returns where the server of `home` keeps its database and leases."""
    return home / "prefect"


def free_port(*preferred: int | None) -> int | None:
    """Finds a free port on 127.0.0.1: of `preferred`, else of the hundred from the last of them on; None: none is."""
    ports = [port for port in preferred if port]
    wanted = [*ports, *range(ports[-1], min(ports[-1] + _PORTS_TRIED, 65536))]
    return next((port for port in wanted if _is_free(port)), None)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _environment(home: Path, port: int) -> dict[str, str]:
    """What the server needs, and no secret of ours."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith(_KEPT_PREFIXES)}
    ours = {
        "PREFECT_HOME": str(prefect_home(home)),
        "PREFECT_UI_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    page = {"PREFECT_UI_URL": f"http://127.0.0.1:{port}"}  # automations link to it
    return DEFAULTS | page | kept | ours
