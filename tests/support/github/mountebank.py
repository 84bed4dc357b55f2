"""mountebank: a proxy that answers some requests itself, with faults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.github.install_peers import MODULES, NODE
from tests.support.github.peers import call, demand_peers, free_port, once, running


@dataclass(frozen=True, slots=True, kw_only=True)
class Mountebank:
    """Proxies that make faults."""

    url: str

    @contextmanager
    def in_front_of(self, upstream: str, *faults: Mapping[str, Any], method: str, path: str) -> Iterator[str]:
        """The address of a proxy where each fault meets one request of that kind, in turn; the rest goes through.

        Args:
            upstream: what it is a proxy of.
            faults: as mountebank's responses; an empty one lets a request of the kind through.
            method: POST, ...
            path: regular expression of the whole path.
        """
        through = {"proxy": {"to": upstream, "mode": "proxyTransparent"}}
        responses = [
            *({**through, **fault} if "is" not in fault and "fault" not in fault else fault for fault in faults)
        ]
        of_kind = {"matches": {"method": f"^{method}$", "path": f"^{path}$"}}
        stubs = [
            {"predicates": [of_kind], "responses": [*responses, {**through, "repeat": 10_000}]},
            {"responses": [through]},
        ]
        port = free_port()
        call("POST", f"{self.url}/imposters", {"port": port, "protocol": "http", "host": "127.0.0.1", "stubs": stubs})
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            call("DELETE", f"{self.url}/imposters/{port}")


@pytest.fixture(scope="session")
def mountebank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mountebank]:
    """The running mountebank."""
    with once("mountebank", _mountebank(tmp_path_factory)) as peer:
        yield peer


@contextmanager
def _mountebank(folders: pytest.TempPathFactory) -> Iterator[Mountebank]:
    demand_peers()
    folder, port = folders.mktemp("mountebank"), free_port()
    url, script = f"http://127.0.0.1:{port}", MODULES / "mountebank" / "bin" / "mb"
    words: list[str | Path] = [
        NODE,
        script,
        "start",
        "--host",
        "127.0.0.1",
        "--localOnly",
        "--port",
        str(port),
        "--nologfile",
    ]
    with running([*words, "--pidfile", folder / "pid"], ready=url, log=folder / "log"):
        yield Mountebank(url=url)
