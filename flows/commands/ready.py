"""What a command does before it runs a flow: have a server, and have Prefect know it before it is imported."""

from __future__ import annotations

import logging
import os
from typing import Any

from flows.commands.home import miyabi_home
from flows.server import client_settings, ensure_server

_QUIET = {  # the table says it; the UI has every line
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_INTERNAL_LOGGING_LEVEL": "CRITICAL",
}


def make_ready() -> str:
    """The address of the UI of a server that answers; Prefect in this process uses it.

    Raises:
        ServerError: no Prefect server could be found or started.
    """
    server = ensure_server(miyabi_home())
    os.environ.update({**client_settings(server.url), **_QUIET})
    logging.raiseExceptions = False  # a line that a server which is away does not get is no news for the terminal
    return server.ui_url


def given(**values: Any) -> dict[str, Any]:
    """Those that are not None."""
    return {name: value for name, value in values.items() if value is not None}
