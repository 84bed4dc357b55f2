"""Our scripts on a machine: installed once under a name that holds their content's hash, never written again."""

from __future__ import annotations

import asyncio
import hashlib
from functools import cache
from importlib import resources
from weakref import WeakKeyDictionary

from miyabi.errors import MachineDiskFull, MachineNotReady, RemoteFailed
from miyabi.machines.host import Completed, Host

_PARTS = {
    "supervise": (
        "supervisor/supervise.sh",
        "supervisor/processes.pl",
        "supervisor/sessions.pl",
        "supervisor/slots.pl",
        "supervisor/follow.pl",
        "supervisor/stream.pl",
        "supervisor/attach.pl",
        "supervisor/ahead.pl",
        "supervisor/supervise.pl",
    ),
    "workspace": (
        "workspace/workspace.sh",
        "workspace/checkout.sh",
        "workspace/setup.sh",
        "workspace/salvage.sh",
        "workspace/strays.sh",
        "workspace/large_objects.sh",
        "workspace/collect.sh",
    ),
    "claude_files": ("claude_files/claude_files.sh", "claude_files/claude_files.pl"),
}
"""Scripts made of several files, one behind the other; any other is its own `<name>.sh`."""

# Prints nothing where all went well. A cut connection looks like the end of the input, hence the count; what is
# there already is left alone, for a shell reads its script while it runs.
_PUT = (
    'umask 077; mkdir -p "$1" || exit 73; t=$1/.$2.$$; cat >"$t" || { rm -f "$t"; exit 73; }; '
    '[ $(wc -c <"$t") -eq "$3" ] || { rm -f "$t"; exit 65; }; '
    'if cmp -s "$t" "$1/$2"; then rm -f "$t"; else mv -f "$t" "$1/$2"; fi'
)
_SHORT = 65
_UNWRITABLE = 73


class _Installed:
    """What one host has already."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.paths: dict[tuple[str, str], str] = {}


_installed: WeakKeyDictionary[Host, _Installed] = WeakKeyDictionary()


@cache
def script(name: str) -> bytes:
    """Returns the text of a script, as it is installed.

    Raises:
        FileNotFoundError: there is no script of that name.
    """
    folder = resources.files("miyabi.machines.scripts")
    return b"".join((folder / part).read_bytes() for part in _PARTS.get(name, (f"{name}.sh",)))


def path(workspace: str, name: str) -> str:
    """Returns where `install` puts a script on a machine; it need not be there."""
    return f"{workspace.rstrip('/')}/bin/{name}-{hashlib.sha256(script(name)).hexdigest()[:12]}.sh"


async def install(host: Host, workspace: str, name: str) -> str:
    """Installs a script where it is missing and returns its path on the host; asks each host once only.

    Raises:
        MachineDiskFull: no room for it.
        MachineNotReady: the workspace cannot be written.
        RemoteFailed: it failed there for another reason, as three cut transfers in a row.
        MachineError: as `Host.run`.
    """
    there = _installed.setdefault(host, _Installed())
    async with there.lock:
        if (workspace, name) not in there.paths:
            there.paths[workspace, name] = await _put(host, workspace, name)
    return there.paths[workspace, name]


def forget(host: Host) -> None:
    """Forgets what is installed on a host whose workspace somebody has removed: the next `install` looks again."""
    _installed.pop(host, None)


async def _put(host: Host, workspace: str, name: str) -> str:
    text = script(name)
    folder, _, file = path(workspace, name).rpartition("/")
    for _ in range(3):
        done = await host.run(["exec", "/bin/sh", "-c", _PUT, "sh", folder, file, str(len(text))], stdin=text)
        if done.exit_status != _SHORT:
            break
    if done.exit_status:
        raise _failure(host, workspace, done)
    return f"{folder}/{file}"


def _failure(host: Host, workspace: str, done: Completed) -> Exception:
    why = done.complaint or f"exit status {done.exit_status}"
    if "No space left" in why or "quota" in why.lower():
        return MachineDiskFull(
            f"{host.name}: the disk of {workspace} is full. Free some space there.", machine=host.name
        )
    if done.exit_status == _UNWRITABLE:
        return MachineNotReady(
            f"{host.name}: the workspace {workspace} cannot be written: {why}. "
            "Make it writable for this user, or set another `workspace` for the machine.",
            machine=host.name,
        )
    return RemoteFailed(
        f"{host.name}: our script could not be installed below {workspace}: {why}",
        machine=host.name,
        exit_status=done.exit_status,
        stderr=done.complaint,
    )
