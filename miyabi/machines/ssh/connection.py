"""The only door to asyncssh: its connections go out behind our protocol, its faults as our errors."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial

import asyncssh
from asyncssh.encryption import get_encryption_algs
from asyncssh.kex import get_kex_algs
from asyncssh.mac import get_mac_algs
from asyncssh.public_key import get_public_key_algs

from miyabi.machines.ssh import errors
from miyabi.machines.ssh.host_keys import HostKeyCheck
from miyabi.machines.ssh.identities import Identities, choose
from miyabi.machines.ssh.pool import SessionNotOpened, handshakes
from miyabi.machines.ssh.target import SshTarget

_CHUNK_BYTES = 65536
_END_WITHIN_SECONDS = 2
_NOT_OPENED = 2  # SSH_OPEN_CONNECT_FAILED: the command was never run


async def connect(target: SshTarget) -> SshConnection:
    """Connects and logs in, through the target's jump hosts if it has any.

    Raises:
        MachineUnreachable: it does not answer, or not with SSH; `transient` says whether it may later.
        HostKeyRefused: an unknown, changed or invalid host key.
        LoginRefused: none of our keys is taken.
        SshConfigUnusable: the SSH library cannot use what the configuration says.
    """
    return SshConnection(await _reach(target), target=target)


async def _reach(target: SshTarget) -> tuple[asyncssh.SSHClientConnection, ...]:
    """Connections to the jump hosts and, last, to the target; each is closed with the one that it carries."""
    before = await _reach(target.jump) if target.jump else ()
    try:
        connection = await _log_in(target, tunnel=before[-1] if before else None)
    except BaseException:
        for hop in before:
            hop.abort()
        raise
    if before:
        connection.set_tunnel(before[-1])
    return (*before, connection)


async def _log_in(target: SshTarget, *, tunnel: asyncssh.SSHClientConnection | None) -> asyncssh.SSHClientConnection:
    guard = await asyncio.to_thread(_Guard, target)
    async with AsyncExitStack() as stack:
        identities = await _identities(target, stack)
        await stack.enter_async_context(handshakes(target.host, target.port))
        try:
            connection = await _handshake(target, guard=guard, keys=identities.keys, tunnel=tunnel)
        except (asyncssh.Error, OSError, ValueError) as error:
            raise errors.of_asyncssh(
                error,
                target,
                of_host_key=guard.check.fault,
                is_open=guard.connected,
                offered=identities.offered,
                unusable=identities.unusable,
            ) from error
    try:
        await asyncio.to_thread(guard.check.require_valid, connection.get_server_host_key())
    except BaseException:
        connection.abort()
        raise
    return connection


async def _handshake(
    target: SshTarget,
    *,
    guard: _Guard,
    keys: Sequence[asyncssh.SSHKeyPair],
    tunnel: asyncssh.SSHClientConnection | None,
) -> asyncssh.SSHClientConnection:
    known = guard.check.known
    return await asyncssh.connect(
        target.host,
        target.port,
        username=target.user,
        config=None,  # `ssh -G` has read it all; asyncssh knows a part of the options
        family=target.family,
        tunnel=tunnel,
        proxy_command=["/bin/sh", "-c", f"exec {target.proxy_command}"] if target.proxy_command else None,
        client_factory=lambda: guard,
        known_hosts=(known.keys + known.borrowed, known.authorities, known.revoked),
        host_key_alias=target.host_key_alias,
        **_algorithms(target, host_keys=known.algorithms),
        client_keys=keys or None,
        agent_path=None,  # the agent's keys are among `client_keys`, in their order of offer
        preferred_auth=["publickey"],
        gss_host=None,
        connect_timeout=target.connect_timeout_seconds,
        login_timeout=target.connect_timeout_seconds,
        keepalive_interval=target.keepalive_seconds,
        keepalive_count_max=target.keepalive_misses,
    )


class _Guard(asyncssh.SSHClient):
    """Hands asyncssh's questions about the host key to the check, and notes whether the port was open."""

    def __init__(self, target: SshTarget) -> None:
        self.check = HostKeyCheck(target)
        self.connected = False

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:  # noqa: ARG002 - asyncssh's signature
        """The port is open."""
        self.connected = True

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002
        """Asked for a key that is not among the trusted ones."""
        return self.check.accepts(key)


def _algorithms(target: SshTarget, *, host_keys: Sequence[str]) -> dict[str, Sequence[str]]:
    """What may be used with this target, as the user's configuration allows and the SSH library can.

    Raises:
        SshConfigUnusable: of something that is needed there is none.
    """
    allowed = target.restrictions
    wanted = {
        "server_host_key_algs": ("HostKeyAlgorithms", allowed.host_keys, host_keys),
        "kex_algs": ("KexAlgorithms", allowed.key_exchanges, _names(get_kex_algs())),
        "encryption_algs": ("Ciphers", target.ciphers, _names(get_encryption_algs())),
        "mac_algs": ("MACs", allowed.macs, _names(get_mac_algs())),
        "signature_algs": ("PubkeyAcceptedAlgorithms", allowed.signatures, _names(get_public_key_algs())),
    }
    return {name: _both(target, *each) for name, each in wanted.items() if each[1]} | (
        {} if allowed.host_keys else {"server_host_key_algs": host_keys}
    )


def _both(target: SshTarget, option: str, allowed: Sequence[str], possible: Sequence[str]) -> Sequence[str]:
    ordered, others = (possible, allowed) if option == "HostKeyAlgorithms" else (allowed, possible)
    if found := [name for name in ordered if name in others]:
        return found
    reason = f"{option} allows only {', '.join(allowed)}, of which none can be used here. Allow a usual one too"
    raise errors.unusable_config(target, reason)


def _names(algorithms: Sequence[bytes]) -> list[str]:
    return [name.decode() for name in algorithms]


async def _identities(target: SshTarget, stack: AsyncExitStack) -> Identities[asyncssh.SSHKeyPair]:
    certificates = [str(path) for path in target.certificate_files if path.is_file()]
    held: Sequence[asyncssh.SSHKeyPair] = ()
    if target.agent:
        with suppress(asyncssh.Error, OSError, ValueError):  # an agent that is gone holds nothing
            agent = await stack.enter_async_context(asyncssh.connect_agent(target.agent))
            held = asyncssh.load_keypairs(list(await agent.get_keys()), certlist=certificates)
    return choose(target, held=held, load=lambda path: asyncssh.load_keypairs(str(path), certlist=certificates))


class SshConnection:
    """A connection that runs commands."""

    def __init__(self, chain: Sequence[asyncssh.SSHClientConnection], *, target: SshTarget) -> None:
        self._chain = chain
        self._connection = chain[-1]
        self._target = target
        self.is_closed = self._connection.is_closed
        self.close = self._connection.close
        self.abort = self._connection.abort

    async def wait_closed(self) -> None:
        """Waits until it is gone, its jumps too."""
        for connection in reversed(self._chain):
            await connection.wait_closed()

    async def start(self, line: str, *, only_stdout: bool = False) -> SshChannel:
        """Starts the line as `miyabi.machines.ssh.host.CommandConnection.start` says.

        Raises:
            SessionNotOpened: it did not run; another time it may.
            LoginRefused: sshd runs no commands for this user.
            ConnectionDropped: the link went.
        """
        none = {"stdin": asyncssh.DEVNULL, "stderr": asyncssh.DEVNULL} if only_stdout else {}
        try:
            process = await self._connection.create_process(line, encoding=None, **none)
        except asyncssh.ChannelOpenError as error:
            if error.code == _NOT_OPENED:
                raise SessionNotOpened(str(error)) from error
            refuse = errors.dropped if self.is_closed() else errors.no_command
            raise refuse(self._target, str(error)) from error
        except (asyncssh.Error, OSError) as error:
            raise errors.dropped(self._target, str(error)) from error
        return SshChannel(process, target=self._target)


class SshChannel:
    """See `miyabi.machines.ssh.host.Channel`. Bytes only: an invalid character would end asyncssh's connection."""

    def __init__(self, process: asyncssh.SSHClientProcess[bytes], *, target: SshTarget) -> None:
        self._process = process
        self._target = target
        self.read = partial(self._read, process.stdout)
        self.read_stderr = partial(self._read, process.stderr)

    async def _read(self, reader: asyncssh.SSHReader[bytes]) -> bytes:
        try:
            return await reader.read(_CHUNK_BYTES)
        except (asyncssh.Error, OSError) as error:
            raise errors.dropped(self._target, str(error)) from error

    async def write(self, data: bytes) -> bool:
        """Writes to its stdin; returns False when it reads no more."""
        try:
            self._process.stdin.write(data)
            await self._process.stdin.drain()
        except (asyncssh.Error, OSError):
            return False
        return True

    def end_input(self) -> None:
        """Ends its stdin."""
        with suppress(OSError):
            self._process.stdin.write_eof()

    async def wait(self) -> int | None:
        """Waits for its exit status, negative for a signal; None is how asyncssh says that the connection went."""
        await self._process.wait_closed()
        return self._process.returncode

    async def end(self) -> None:
        """Ends it as `miyabi.machines.ssh.host.Channel.end` says.

        OpenSSH's sshd (9.2) loses a signal that reaches it before the command leads a process group of its own, so one
        that was given up as it began gets its signal by the second.
        """
        for signal in ("TERM", "KILL"):
            if self._process.returncode is None:
                with suppress(OSError):
                    self._process.send_signal(signal)
                with suppress(TimeoutError):
                    async with asyncio.timeout(_END_WITHIN_SECONDS):
                        await self._process.wait_closed()
        self._process.close()
