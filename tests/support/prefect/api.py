"""Prefect's API over HTTP, for tests that look at what a run left in the server."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(url: str, body: Mapping[str, Any] | None = None, *, method: str | None = None) -> Any:
    """What the API answers, None where that is nothing: to a GET, to a POST where there is a body, or to `method`."""
    data = None if body is None else json.dumps(body).encode()
    kind = {"content-type": "application/json"}
    request = urllib.request.Request(url, data, kind, method=method)  # noqa: S310 - loopback
    for patience in range(20, -1, -1):
        try:
            with _OPENER.open(request, timeout=240) as response:
                return json.loads(response.read() or b"null")
        except urllib.error.HTTPError as error:
            if error.code != 503 or not patience:  # SQLite is busy, and nothing was done
                raise
        time.sleep(0.2)
    return None
