"""Clients of Prefect that ask a busy server again soon: SQLite is busy often, and only for milliseconds.

Prefect's own sleep 2, 4, 8, ... s where the answer has no Retry-After (`prefect/client/base.py`, 3.9.1).
"""

from __future__ import annotations

import httpx
from prefect.client.orchestration import PrefectClient, SyncPrefectClient, get_client

from miyabi.system import Backoff

BUSY = frozenset({429, 502, 503})
_BACKOFF = Backoff(0.05, 16)


def retry_fast(client: PrefectClient | SyncPrefectClient) -> None:
    """Makes `client` ask again after 0.05, 0.1, 0.2, ... s when the server is busy. Lost connections are as before."""
    hook = _on_response if isinstance(client, PrefectClient) else _note_retry
    hooks = client._client.event_hooks  # noqa: SLF001 - the setting exists only for clients that are made anew
    if hook not in hooks["response"]:
        client._client.event_hooks = {**hooks, "response": [*hooks["response"], hook]}  # noqa: SLF001


def fast_retrying_client() -> PrefectClient:
    """Makes a client of its own that asks again fast, as `retry_fast` says, to be entered."""
    return get_client(httpx_settings={"event_hooks": {"response": [_on_response]}})


async def _on_response(response: httpx.Response) -> None:
    _note_retry(response)


def _note_retry(response: httpx.Response) -> None:
    if response.status_code in BUSY:
        tries = response.request.extensions.get("busy", 0) + 1
        response.request.extensions["busy"] = tries
        response.headers.setdefault("Retry-After", str(_BACKOFF.seconds(tries)))
