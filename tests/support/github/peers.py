"""Third-party servers as peers: started once a test session, on loopback, and set up by requests of the test's own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.github.install_peers import NODE, is_installed

_READY_SECONDS = 120


def call(method: str, url: str, body: Any = None, *, token: str = "") -> Any:
    """The JSON answer of a peer to a request that sets a test up; not one of ours."""
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {token}"} if token else {})}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, method=method, data=data, headers=headers)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - same
            text = response.read()
    except urllib.error.HTTPError as error:
        with error:
            raise AssertionError(f"{method} {url}: {error.code} {error.read()[:500]!r}") from None
    return json.loads(text) if text else None


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(words: Sequence[str | Path], *, ready: str, log: Path) -> Iterator[None]:
    """A server process of our own, until the end of the `with`; `ready` is an address that answers once it serves."""
    with log.open("wb") as output, subprocess.Popen(words, stdout=output, stderr=output, env=_environment()) as process:
        try:
            _wait_until(ready, process=process, log=log)
            yield
        finally:
            process.terminate()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
    return {**kept, "PATH": f"{NODE.parent}{os.pathsep}{kept.get('PATH', '')}"}


def _wait_until(address: str, *, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=2):  # noqa: S310 - loopback
                return
        except OSError:
            time.sleep(0.05)
    pytest.fail(f"{Path(process.args[0]).name} does not serve {address}: {log.read_text(errors='replace')[-2000:]}")  # type: ignore[arg-type,index]


_served: dict[str, Any] = {}


@contextmanager
def once(name: str, peer: AbstractContextManager[Any]) -> Iterator[Any]:
    """One a session: a fixture that two modules import is set up twice."""
    if name in _served:
        yield _served[name]
        return
    with peer as _served[name]:
        yield _served[name]
    del _served[name]


def demand_peers() -> None:
    """Fails where the servers from npm are missing, and says how to install them."""
    if not is_installed():
        pytest.fail("The peers are not installed. Run: python -m tests.support.github.install_peers")
