"""What is made ahead of a slot: how much of it, what a task waits for, and what is taken back."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest

from miyabi.machines import Machine
from tasks.runner.prefetch import Prefetch
from tasks.runner.slot_request import SlotRequest

ONE, TWO = Machine(name="one", slots=3), Machine(name="two", slots=3)


class Made:
    """What was made, in order; a set-up lasts until `may_end`."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, str]] = []
        self.may_end = asyncio.Event()

    def prefetch(self) -> Prefetch:
        """A prefetch that calls it."""
        return Prefetch(prepare=self._prepare, set_up=self._set_up, abandon=self._abandon)

    async def _prepare(self, machine: Machine, parameters: dict[str, Any]) -> None:
        self.calls.append(("prepare", parameters["task_id"], machine.name))

    async def _set_up(self, machine: Machine, parameters: dict[str, Any]) -> None:
        self.calls.append(("set up", parameters["task_id"], machine.name))
        await self.may_end.wait()

    async def _abandon(self, machine: Machine, parameters: dict[str, Any]) -> None:
        self.calls.append(("abandon", parameters["task_id"], machine.name))

    def of(self, what: str) -> list[str]:
        """The tasks of these calls."""
        return [task for name, task, _ in self.calls if name == what]


async def others_ran() -> None:
    """Whatever could be done has been."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
async def made() -> Made:
    """What was made."""
    return Made()


@pytest.fixture
async def waiting() -> list[SlotRequest]:
    """Five tasks that wait for a slot, the best first."""
    return [SlotRequest(task=uuid.uuid4(), parameters={"task_id": name}) for name in "abcde"]


async def test_as_many_set_ups_as_slots_about_to_be_free(made: Made, waiting: list[SlotRequest]) -> None:
    """None without one; no more while those wait that are set up, however often it is asked; each task once."""
    prefetch = made.prefetch()
    for slots, set_up in [(0, ""), (1, "a"), (1, "a"), (2, "ab"), (1, "ab"), (2, "ab")]:
        prefetch.update([ONE], waiting, ending={"one": slots})
        await others_ran()
        assert made.of("set up") == list(set_up)
    assert made.of("prepare") == ["a", "b"]
    prefetch.update([ONE], waiting[1:], ending={"one": 2})
    await others_ran()
    assert made.of("set up") == ["a", "b", "c"]


async def test_a_task_is_set_up_on_one_machine(made: Made, waiting: list[SlotRequest]) -> None:
    """Prepared on both that may have it; when it runs on one, that waits for its set-up, and the other is abandoned."""
    prefetch, first = made.prefetch(), waiting[:1]
    prefetch.update([ONE, TWO], first, ending={"one": 1, "two": 1})
    await others_ran()
    assert made.calls == [("prepare", "a", "one"), ("prepare", "a", "two"), ("set up", "a", "one")]
    ready = asyncio.ensure_future(prefetch.ready(first[0], ONE))
    await others_ran()
    assert not ready.done()
    made.may_end.set()
    await ready
    assert made.calls[3:] == [("abandon", "a", "two")]


async def test_what_did_not_begin_where_it_was_to(made: Made, waiting: list[SlotRequest]) -> None:
    """A task that was refused there and runs elsewhere leaves nothing; what is over is taken back once."""
    prefetch, (first, *_) = made.prefetch(), waiting
    made.may_end.set()
    prefetch.update([ONE], waiting, ending={"one": 1})
    await prefetch.ready(first, ONE)
    await prefetch.ready(first, TWO)
    await prefetch.ready(first, ONE)
    assert made.calls[-1] == ("abandon", "a", "one")
    prefetch.forget(first)
    await others_ran()
    assert made.of("abandon") == ["a"]
