"""What lives on the machines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from pydantic import Field

from miyabi.machines import Machine
from miyabi.sessions import SessionPaths, State, Status
from miyabi.views.answer import Answer, View


class SessionView(View):
    """One session, or a checkout that is set up ahead."""

    run: str
    task: str
    attempt: int | None = Field(None, description="null: its checkout is set up ahead, before there is an attempt")
    state: State
    is_live: bool = Field(description="Whether it holds a slot, or sets up ahead")
    sets_up: bool = Field(description="Whether the set-up of its checkout runs")
    output_bytes: int = Field(description="How much its stream has")

    @classmethod
    def of(cls, name: str, status: Status) -> Self:
        """Makes that of a session by its name on the machine."""
        paths = SessionPaths.of(name)
        return cls(
            run=paths.run,
            task=paths.task,
            attempt=None if paths.is_ahead else paths.attempt,
            state=status.state,
            is_live=status.live,
            sets_up=status.live and status.sets_up,
            output_bytes=status.out_bytes,
        )


class MachineSessions(View):
    """The sessions of one machine."""

    machine: str
    slots: int
    taken: int = Field(description="How many slots are taken, whoever's sessions those are")
    sessions: tuple[SessionView, ...] = ()
    error: str = Field("", description="Why the machine does not answer; nothing is known of its sessions then")

    @classmethod
    def of(cls, machine: Machine, found: Sequence[tuple[str, Status]], *, ended_too: bool) -> Self:
        """Makes that of a machine that has answered; without the sessions that have ended, unless `ended_too`."""
        every = [SessionView.of(name, status) for name, status in found]
        return cls(
            machine=machine.name,
            slots=machine.slots,
            taken=sum(each.is_live and each.attempt is not None for each in every),
            sessions=tuple(each for each in every if ended_too or each.is_live),
        )

    @classmethod
    def unanswered(cls, machine: Machine, error: Exception) -> Self:
        """Makes that of a machine that does not answer."""
        return cls(machine=machine.name, slots=machine.slots, taken=0, error=str(error))


class Sessions(Answer):
    """What `miyabi sessions` says."""

    machines: tuple[MachineSessions, ...]
