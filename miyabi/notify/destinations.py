"""Where messages go, and sending them: bounded in time, tried a few times, with no address in what is said of it.

The one door to Apprise, which is imported when there is something to be sent.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from miyabi.errors import MiyabiError, SettingsError
from miyabi.notify.message import Message
from miyabi.settings import NotifySettings
from miyabi.system import Backoff
from miyabi.text import hide, one_line, redact, secrets_of_address

TRIES, PATIENCE_SECONDS = 3, 20.0
READ_SECONDS = 10.0
"""As long a service may take to answer. What was sent to one that takes longer is not sent again: it may be there."""

_PAUSES = Backoff(1.0)
_LOG = "apprise"
_REASON_CHARACTERS = 200
_OTHERS_MAY_READ = 0o077


class NotSent(MiyabiError):  # noqa: N818 - what became of it, for whoever wants to know
    """The message did not reach its destination."""


@dataclass(frozen=True, slots=True)
class Destination:
    """One place that messages go to. `name` tells which without showing its address; `send` raises what went wrong."""

    name: str
    send: Callable[[Message], None]


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a message at one destination; `fault` is empty where it arrived."""

    name: str
    fault: str = ""


def destinations(settings: NotifySettings, *, root: Path) -> tuple[Destination, ...]:
    """Finds the destinations that are addresses; from now on nothing of these is shown.

    `root` is the folder from which `urls_file` is named.

    Raises:
        SettingsError: the file cannot be read, or others may read it.
    """
    given = [(f"notify.urls, number {n}", url.get_secret_value()) for n, url in enumerate(settings.urls, 1)]
    if settings.urls_file:
        given += _of_file(root / Path(settings.urls_file).expanduser())
    hide(secret for _, url in given for secret in secrets_of_address(url))
    return tuple(_destination(url, name) for name, url in given)


def deliver(
    message: Message, to: Sequence[Destination], *, patience_seconds: float = PATIENCE_SECONDS
) -> tuple[Delivery, ...]:
    """Sends the message to all destinations side by side, each a few times at most, and says what became of it.

    It returns after `patience_seconds` at the latest; what has not answered by then counts as not sent.
    """
    faults = dict.fromkeys(range(len(to)), f"no answer within {patience_seconds:g} s")

    def send(number: int) -> None:
        faults[number] = _tried(message, to[number], until=time.monotonic() + patience_seconds)

    threads = [threading.Thread(target=send, args=(n,), name="notify", daemon=True) for n in faults]
    deadline = time.monotonic() + patience_seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return tuple(Delivery(each.name, faults[number]) for number, each in enumerate(to))


def _tried(message: Message, to: Destination, *, until: float) -> str:
    """Why it is not sent after the last try; nothing where it is."""
    fault = ""
    for tries, pause in zip(range(1, TRIES + 1), _PAUSES, strict=False):
        began = time.monotonic()
        try:
            to.send(message)
        except Exception as error:  # noqa: BLE001 - whatever a service, or its library, has: it is said, and no more
            fault = one_line(redact(str(error)), characters=_REASON_CHARACTERS) or type(error).__name__
        else:
            return ""
        now = time.monotonic()
        may_have_arrived = now - began >= READ_SECONDS
        if tries == TRIES or may_have_arrived or now + pause > until:
            break
        time.sleep(pause)
    return fault


def _of_file(file: Path) -> list[tuple[str, str]]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
        is_open = file.stat().st_mode & _OTHERS_MAY_READ
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"notify.urls_file: {file}: cannot be read: {error}") from None
    if is_open:
        raise SettingsError(f"notify.urls_file: {file}: others may read it. Run: chmod 600 {file}")
    stripped = [(number, line.strip()) for number, line in enumerate(lines, 1)]
    return [(f"{file.name}, line {n}", line) for n, line in stripped if line and not line.startswith("#")]


def _destination(url: str, name: str) -> Destination:
    scheme = url.partition("://")[0].strip()
    kind = scheme if re.fullmatch(r"[a-zA-Z][\w+.-]{0,30}", scheme) and scheme != url.strip() else "no address"

    def send(message: Message) -> None:
        _send(url, message)

    return Destination(f"{name} ({kind})", send)


def _send(url: str, message: Message) -> None:
    from apprise import Apprise, AppriseAsset  # noqa: PLC0415 - a tenth of a second, where nothing is sent too

    asset = AppriseAsset(app_id="miyabi", app_desc="Water Spider", app_url="")
    with _Heard() as said:
        service = Apprise(asset=asset)
        if not service.add(url):
            raise NotSent("Apprise knows no such address; see its documentation for how one of that service looks")
        for each in service:
            each.socket_read_timeout = READ_SECONDS
        if not service.notify(body=message.text or message.headline, title=message.headline):
            raise NotSent("; ".join(said.lines[-1:]) or "the service refused it")


class _Heard(logging.Handler):
    """What Apprise logs in this thread, which is the only place where it says why; it goes nowhere else."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.lines.append(record.getMessage())

    def __enter__(self) -> Self:
        logging.getLogger(_LOG).addHandler(self)
        return self

    def __exit__(self, *exception: object) -> None:
        logging.getLogger(_LOG).removeHandler(self)
