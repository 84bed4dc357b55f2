"""Where a renamed repository is now. We ask ourselves: git would send our header on to wherever it is led."""

from __future__ import annotations

import asyncio
import http.client
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urljoin

from miyabi.git.remote.target import PushTarget

_TAIL = "/info/refs"
_AGENT = "git/2.38 (miyabi-scheduler)"  # by its beginning GitHub knows that git is asking
_REDIRECTIONS = range(300, 400)


class _Stay(urllib.request.HTTPRedirectHandler):
    """Goes nowhere, so that the login stays with the server that it is for."""

    def redirect_request(self, *_: Any) -> None:
        """No request."""


async def place(target: PushTarget, *, timeout_seconds: float = 30) -> str | None:
    """The address that its server names instead of it; None where it names none."""
    return await asyncio.to_thread(_place, target, timeout_seconds)


def _place(target: PushTarget, timeout_seconds: float) -> str | None:
    asked = f"{target.address.rstrip('/')}{_TAIL}?service=git-receive-pack"
    signed = {"Authorization": f"Basic {target.login.basic}"} if target.login else {}
    request = urllib.request.Request(asked, headers={"User-Agent": _AGENT, **signed})  # noqa: S310 - http(s) only
    try:
        with urllib.request.build_opener(_Stay).open(request, timeout=timeout_seconds):
            return None
    except urllib.error.HTTPError as error:
        with error:
            told = error.headers.get("Location") if error.code in _REDIRECTIONS else None
    except (OSError, http.client.HTTPException):
        return None
    return urljoin(asked, told).split(_TAIL, 1)[0] if told else None
