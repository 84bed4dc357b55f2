"""Messages to people, from a run: each cause once, sent beside the run, which neither waits for it nor fails by it."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prefect.blocks.abstract import NotificationBlock
from prefect.blocks.core import Block
from prefect.exceptions import MissingContextError
from prefect.logging import get_run_logger

from miyabi.errors import BadInput, DiskFull, MiyabiError
from miyabi.notify import Destination, Message, Notified, NotSent, deliver, destinations
from miyabi.runs import RunFolder
from miyabi.settings import NotifySettings

WAIT_SECONDS = 25.0
_ends_held: set[tuple[str, str]] = set()
_sending: list[threading.Thread] = []


def tell(folder: RunFolder, settings: NotifySettings, message: Message) -> None:
    """Sends the message, if the settings ask for its kind and the run has not told of its cause yet. Returns at once.

    Nothing is raised: what cannot be sent is a warning in the flow run's log, and told when its cause comes up again.
    """
    if not settings.is_configured or message.kind not in settings.on:
        return
    log = _logger()
    try:
        if Notified.claim(folder, message.cause):
            thread = threading.Thread(target=_send, args=(folder, settings, message, log), name="notifications")
            _sending.append(thread)
            thread.start()
    except (BadInput, DiskFull, OSError) as error:
        log.warning("nobody is told (%s): %s", message.headline, error)


def forget(folder: RunFolder, cause: str) -> None:
    """Has the cause told again when it comes up again. Nothing is raised."""
    try:
        Notified.forget(folder, cause)
    except (BadInput, DiskFull, OSError) as error:
        _logger().warning("%s", error)


def wait_for_messages() -> None:
    """Waits until all messages of this process are sent or given up: 25 s at most."""
    while _sending:
        _sending.pop().join(WAIT_SECONDS)


@contextmanager
def end_held(folder: RunFolder) -> Iterator[None]:
    """Has this process not tell of the run's end inside: what comes after it has still to be told in that message."""
    key = str(folder.repository), folder.run
    _ends_held.add(key)
    try:
        yield
    finally:
        _ends_held.discard(key)


def is_end_held(folder: RunFolder) -> bool:
    """Returns whether the caller is inside `end_held` for the run."""
    return (str(folder.repository), folder.run) in _ends_held


def all_destinations(settings: NotifySettings, *, folder: RunFolder) -> tuple[Destination, ...]:
    """Finds where messages go: the addresses and the block. The block is loaded when something is sent to it.

    Raises:
        SettingsError: the file of the addresses cannot be used.
    """
    addresses = destinations(settings, root=folder.repository)
    return (*addresses, block_destination(settings.block)) if settings.block else addresses


def block_destination(block: str) -> Destination:
    """Makes the destination that is the notification block TYPE/NAME."""

    def send(message: Message) -> None:
        loaded: Any = _notification_block(block)
        with loaded.raise_on_failure():
            sent = loaded.notify(message.text or message.headline, subject=message.headline)
            if inspect.isawaitable(sent):
                asyncio.run(_awaited(sent))

    return Destination(f"block {block}", send)


def _notification_block(block: str) -> NotificationBlock:
    try:
        loaded: Any = Block.load(block)
        if inspect.isawaitable(loaded):
            loaded = asyncio.run(_awaited(loaded))
    except ValueError:
        raise NotSent(
            "there is no such block; make one in the Prefect UI (Blocks), and name it as TYPE/NAME, for example "
            "slack-webhook/team"
        ) from None
    if not isinstance(loaded, NotificationBlock):
        raise NotSent("that block cannot send messages; name one of a service such as Slack Webhook")
    return loaded


async def _awaited(awaitable: Any) -> Any:
    return await awaitable


def _send(
    folder: RunFolder, settings: NotifySettings, message: Message, log: logging.Logger | logging.LoggerAdapter[Any]
) -> None:
    try:
        came = deliver(message, all_destinations(settings, folder=folder))
    except MiyabiError as error:
        log.warning("nobody is told (%s): %s", message.headline, error)
        forget(folder, message.cause)
        return
    for each in came:
        if each.fault:
            log.warning("not told: %s: %s (%s)", each.name, each.fault, message.headline)
    if all(each.fault for each in came):
        forget(folder, message.cause)


def _logger() -> logging.Logger | logging.LoggerAdapter[Any]:
    try:
        return get_run_logger()
    except MissingContextError:
        return logging.getLogger(__name__)
