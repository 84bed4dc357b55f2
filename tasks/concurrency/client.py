"""Prefect's clients sleep 2, 4, 8, ... s when the server is busy. SQLite is so often, and only for milliseconds."""

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
    """A client of its own that asks again fast, to be entered."""
    return get_client(httpx_settings={"event_hooks": {"response": [_on_response]}})


async def _on_response(response: httpx.Response) -> None:
    _note_retry(response)


def _note_retry(response: httpx.Response) -> None:
    if response.status_code in BUSY:
        tries = response.request.extensions.get("busy", 0) + 1
        response.request.extensions["busy"] = tries
        response.headers.setdefault("Retry-After", str(_BACKOFF.seconds(tries)))
