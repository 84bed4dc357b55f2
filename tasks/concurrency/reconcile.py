"""Slots that the Prefect server counts and nobody holds are found again and again, for as long as a run lasts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

from miyabi.machines import Machine
from tasks.concurrency.limits import LEAK_SECONDS, Sessions, SlotLimits

EVERY_SECONDS = 300.0
LOOK_SECONDS = 10.0

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
    """Reconciles until it is cancelled: a slot that only a foreign session accounts for leaks when that one ends."""
    while True:
        try:
            leaking = await limits.reconcile(machines, sessions=sessions, leak_seconds=leak_seconds)
        except Exception as error:  # noqa: BLE001 - a machine or the server may be away until the next time
            logger.debug("Slots were not compared: %s", error)
            leaking = ()
        if leaking:
            logger.warning("Prefect counted slots that nobody held on: %s", ", ".join(leaking))
        await asyncio.sleep(every_seconds)


async def keep_taken_out(
    limits: SlotLimits,
    machines: Callable[[], Sequence[Machine]],
    *,
    note: Callable[[Mapping[str, str]], None],
    logger: Logger,
    every_seconds: float = LOOK_SECONDS,
) -> None:
    """Looks every `every_seconds`, until it is cancelled, which machines an operator has taken out.

    `note` gets the reasons by machine each time that the server answers, without a machine that was given back. The
    slots of one that is taken out may be held still.
    """
    while True:
        await asyncio.sleep(every_seconds)
        try:
            out = await limits.taken_out(machines())
        except Exception as error:  # noqa: BLE001 - as above
            logger.debug("Limits were not read: %s", error)
        else:
            note({error.machine: str(error) for error in out})
