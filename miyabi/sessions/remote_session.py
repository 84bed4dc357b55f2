"""A detached session on a host: start it once, follow it from where we are, stop it, forget it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from miyabi.errors import MiyabiError
from miyabi.machines import Host
from miyabi.sessions import supervisor
from miyabi.sessions.follow import SILENCE_SECONDS, Follower
from miyabi.sessions.protocol import Status

_LOG_BYTES = 65536
_WAIT_SECONDS = 60.0
"""How long the machine itself waits for what comes after a stop (salvage), see `cancel` in supervise.pl."""


def _ignore(_: object) -> None:
    pass


class RemoteSession:
    """One attempt on one machine. The session lives there: losing this object, or the link, does not end it."""

    def __init__(self, host: Host, session: str, *, workspace: str) -> None:
        self._host = host
        self._session = session
        self._workspace = workspace

    async def start(
        self,
        *,
        script: bytes,
        stdin: bytes,
        after: bytes,
        slots: int,
        timeout_seconds: float,
        after_timeout_seconds: float,
        linger_seconds: float,
        stall_seconds: float = 0,
        stop_seconds: float = 0,
        setup: bytes = b"",
        setup_timeout_seconds: float = 0,
        floors_mib: tuple[int, int] = (0, 0),
    ) -> Status:
        """Starts the session, or attaches to it where it was started with the same parts.

        Args:
            script: Text for `/bin/sh` that becomes the agent.
            stdin: What the agent reads.
            after: Text for `/bin/sh` that salvages and checks when the agent has ended; the slot is held meanwhile.
            slots: How many sessions may live on this machine.
            timeout_seconds: When the machine itself ends the agent's whole tree.
            after_timeout_seconds: The same for `after`.
            linger_seconds: How long claude may be silent after its last result, with no agent in the background, until
                the machine ends what is left of it. The session has ended well then.
            stall_seconds: How long claude may be silent amid its work until the machine ends it; 0: for ever.
            stop_seconds: After how long, set-up included, the machine ends all of it as `stop` does, though nobody
                asks; 0: never.
            setup: Text for `/bin/sh` that runs before the agent, in the slot; where it fails, the agent does not begin,
                and nothing of `after` runs.
            setup_timeout_seconds: The same as `timeout_seconds`, for `setup`.
            floors_mib: Mebibytes of free disk and of available memory below which the machine refuses it.

        Returns:
            Where it stands: it runs, or has run.

        Raises:
            MachineFull: all slots are taken, or it takes no session at present (MachineClosed); nothing runs, the same
                start may be repeated.
            SessionConflict: this session was started with other parts.
            MachineDiskFull: nothing was started, nothing is left there.
            MachineNotReady: no perl, or the workspace cannot be written.
            MachineError: as `Host.run`.
        """
        parts = (script, stdin, after, setup)
        sizes = [str(len(part)) for part in parts]
        seconds = (timeout_seconds, after_timeout_seconds, linger_seconds, setup_timeout_seconds)
        admission = ":".join(map(str, (slots, *floors_mib) if any(floors_mib) else (slots,)))
        limits = [admission, *(f"{each:.3f}" for each in (*seconds, stall_seconds, stop_seconds))]
        return await self._ask("start", *limits, *sizes, stdin=b"".join(parts))

    async def set_up_ahead(self, setup: bytes, *, timeout_seconds: float) -> Status:
        """Begins the set-up of the task's first session before that has a slot; this is its `SessionPaths.ahead`.

        Nothing is begun a second time. The session waits for its end; where it failed, and was the session's own
        set-up, that is the end of the session.

        Args:
            setup: Text for `/bin/sh`.
            timeout_seconds: When the machine itself ends its whole tree.

        Returns:
            Where it stands: it runs, or has run.

        Raises:
            SessionError: a session of the task has begun there.
            MachineDiskFull: nothing was started, nothing is left there.
            MachineNotReady: no perl, or the workspace cannot be written.
            MachineError: as `Host.run`.
        """
        return await self._ask("ahead", f"{timeout_seconds:.3f}", str(len(setup)), stdin=setup)

    async def follow(
        self,
        out: Path,
        err: Path,
        *,
        on_output: Callable[[bytes], None] = _ignore,
        on_wait: Callable[[MiyabiError], None] = _ignore,
        patience_seconds: float = 1800,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> Status:
        """Follows the session to its end, when `out` and `err` are complete; goes on where a link broke off.

        The two files say how far we are: those that hold something already are gone on with. `on_output` gets every
        byte of the agent's stdout once and in order, beginning with what `out` held. `on_wait` gets what broke it off,
        each time that it is taken up again: the machine, or our full disk. A link on which nothing comes for
        `silence_seconds` is taken for dead.

        Returns:
            The status at the end: EXITED, LOST, ORPHAN (nobody supervises it any more: `stop` it) or NONE.

        Raises:
            SessionError: `out` or `err` cannot be written, our disk has been full for so long; the session goes on.
            MachineUnreachable: nothing was heard for `patience_seconds`. The session may still run.
            MachineError: permanent trouble with the machine, or it has less of the output than we have.
        """
        follower = Follower(self._host, self._session, self._workspace, on_output=on_output, on_wait=on_wait)
        return await follower.run(out, err, patience_seconds=patience_seconds, silence_seconds=silence_seconds)

    async def stage(self, *, script: bytes, after: bytes) -> None:
        """Puts there what `attach_words` launch, which run in a terminal; the arguments are those of `start`.

        Raises:
            MachineDiskFull: nothing is left there.
            MachineNotReady: no perl, or the workspace cannot be written.
            MachineError: as `Host.run`.
        """
        parts = (script, b"", after)
        await self._ask("put", *(str(len(part)) for part in parts), stdin=b"".join(parts))

    async def attach_words(self, *, slots: int, after_timeout_seconds: float) -> list[str]:
        """Makes the command line that runs the staged session in a terminal on the machine, and ends with it.

        The machine itself refuses it, with a line on stderr, where the slots are taken or the task has a session that
        runs. Takes what `start` takes.

        Raises:
            MachineError: as `Host.run`.
        """
        words = ["attach", self._session, str(slots), f"{after_timeout_seconds:.3f}"]
        return await supervisor.command(self._host, self._workspace, words)

    async def status(self) -> Status:
        """Asks where it stands now.

        Raises:
            MachineError: as `Host.run`.
        """
        return await self._ask("status")

    async def stop(self, *, grace_seconds: float = 10) -> Status:
        """Ends the whole tree: TERM, and KILL after the grace; one that has not started never will.

        `after` still runs, with MIYABI_STOPPED=1; where that takes over a minute the status says RUNNING.

        Raises:
            MachineError: as `Host.run`.
        """
        patience = grace_seconds + _WAIT_SECONDS + 30
        return await self._ask("cancel", f"{grace_seconds:.3f}", timeout_seconds=patience)

    async def check_log(self) -> bytes:
        """Returns the last 64 KiB of what `after` printed, from a line's begin on where that was more.

        Raises:
            MachineError: as `Host.run`.
        """
        return await self._log()

    async def setup_log(self) -> bytes:
        """Returns the same of what `setup` printed.

        Raises:
            MachineError: as `Host.run`.
        """
        return await self._log("setup")

    async def remove(self) -> None:
        """Removes all of it from the machine.

        Raises:
            SessionError: it still runs.
            MachineError: as `Host.run`.
        """
        await supervisor.call(self._host, self._workspace, ["rm", self._session])

    async def _log(self, *name: str) -> bytes:
        words = ["log", self._session, str(_LOG_BYTES), *name]
        log = (await supervisor.call(self._host, self._workspace, words)).stdout
        return log if len(log) < _LOG_BYTES else log.partition(b"\n")[2] or log

    async def _ask(self, verb: str, *words: str, stdin: bytes = b"", timeout_seconds: float = 60) -> Status:
        command = [verb, self._session, *words]
        lines = await supervisor.ask(self._host, self._workspace, command, stdin=stdin, timeout_seconds=timeout_seconds)
        return lines[0][1]


async def list_sessions(host: Host, *, workspace: str) -> tuple[tuple[str, Status], ...]:
    """Lists all sessions that the machine has not forgotten.

    Returns:
        Name and status of each, by name.

    Raises:
        MachineError: as `Host.run`.
    """
    return await supervisor.ask(host, workspace, ["list"])


async def live_sessions(host: Host, *, workspace: str) -> tuple[tuple[str, Status], ...]:
    """Lists those that hold a slot.

    Returns:
        Name and status of each.

    Raises:
        MachineError: as `Host.run`.
    """
    return await supervisor.ask(host, workspace, ["live"])
