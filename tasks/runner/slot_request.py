"""A task that wants a slot, and the slot it was granted."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from miyabi.machines import Machine
from miyabi.runs import SortKey
from tasks.concurrency import Lease


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A slot and, in a sentence, why it is on that machine."""

    lease: Lease
    reason: str


@dataclass(slots=True, kw_only=True, eq=False)
class SlotRequest:
    """One wait of one task for one slot. `task` is the id of its task run; machines in `avoid` are not taken.

    `why_not` is asked just before a start, and says why there is to be none, None where there may be one. `seconds` is
    how long its session is likely to take, None where it has begun already and is to be joined. `required` says anew
    what `requires` says, and `stays_at` is the machine on which it goes on, unless that is cordoned and others are not.
    `is_held` says whether the account of a machine takes no such session for now.
    """

    task: UUID
    parameters: dict[str, Any]
    key: SortKey = ()
    requires: tuple[str, ...] = ()
    avoid: frozenset[str] = frozenset()
    seconds: float | None = 0.0
    why_not: Callable[[], str | None] = lambda: None
    required: Callable[[], Sequence[str]] | None = None
    stays_at: str = ""
    is_held: Callable[[Machine], bool] = lambda _: False
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    granted: asyncio.Future[Grant] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    asking: bool = False

    def suits(self, machine: Machine) -> bool:
        """Returns whether the machine could serve this task, full or not."""
        return machine.name not in self.avoid and set(self.requires) <= machine.offers
