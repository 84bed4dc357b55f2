"""What a command does before it runs a flow: have a server, and have Prefect know it before it is imported."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from flows.cli.local_server import client_settings, ensure_server, find_server, revive_server
from flows.cli.prefect_settings import api_address, import_prefect
from flows.cli.proxies import exempt_from_proxies
from miyabi.errors import ServerError
from miyabi.machines import Machine
from miyabi.system import miyabi_home

_LOOK_SECONDS = 5.0
_QUIET = {  # the table says it; the UI has every line
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_INTERNAL_LOGGING_LEVEL": "CRITICAL",
}


def make_ready(hosts: Iterable[str] = ()) -> str:
    """Finds or starts a server, has Prefect in this process use it, and returns the address of its UI.

    No proxy is asked for this computer and for `hosts`, the machines. A local server that dies while this process lives
    is started again, so that no run ends with it.

    Raises:
        SettingsError: Prefect's own settings, or a proxy, cannot be used.
        ServerError: no Prefect server could be found or started.
    """
    exempt_from_proxies(hosts)
    home = miyabi_home()
    server = ensure_server(home)
    if server.pid:
        threading.Thread(target=_keep_alive, args=(home,), name="server-keeper", daemon=True).start()
    os.environ.update({**client_settings(server.url), **_QUIET})
    import_prefect()
    logging.raiseExceptions = False  # the terminal need not show each line that a server which is away does not get
    return server.ui_url


def reach_server() -> bool:
    """Returns whether there is a Prefect server, which Prefect in this process uses then. Starts none.

    Raises:
        SettingsError: as `make_ready`.
        ServerError: there is one, but it does not answer.
    """
    home = miyabi_home()
    server = ensure_server(home) if api_address() else find_server(home)
    if server:
        os.environ.update({**client_settings(server.url), **_QUIET})
        import_prefect()
    return server is not None


def _keep_alive(home: Path) -> None:
    while True:
        time.sleep(_LOOK_SECONDS)
        with suppress(ServerError, OSError):  # no room, no port: there may be some next time
            revive_server(home)


def hosts_of(machines: Iterable[Machine]) -> list[str]:
    """Returns the addresses of those that are not this computer."""
    return [machine.host for machine in machines if machine.host]


def given(**values: Any) -> dict[str, Any]:
    """Returns those values, by name, that are not None."""
    return {name: value for name, value in values.items() if value is not None}
