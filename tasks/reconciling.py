"""Slots that the Prefect server counts and nobody holds are found again and again, for as long as a run lasts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from miyabi.machine import Machine
from tasks.limits import LEAK_SECONDS, Sessions, SlotLimits

EVERY_SECONDS = 300.0

Logger = logging.Logger | logging.LoggerAdapter[logging.Logger]


async def keep_reconciled(
    limits: SlotLimits,
    machines: Sequence[Machine],
    *,
    sessions: Sessions | None,
    logger: Logger,
    every_seconds: float = EVERY_SECONDS,
    leak_seconds: float = LEAK_SECONDS,
) -> None:
    """Compares until it is cancelled: a slot that a foreign session excused leaks when that one ends."""
    while True:
        try:
            leaking = await limits.reconcile(machines, sessions=sessions, leak_seconds=leak_seconds)
        except Exception as error:  # noqa: BLE001 - a machine or the server may be away; the next time will tell
            logger.debug("Slots were not compared: %s", error)
            leaking = ()
        if leaking:
            logger.warning("Prefect counted slots that nobody held on: %s", ", ".join(leaking))
        await asyncio.sleep(every_seconds)
