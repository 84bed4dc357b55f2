"""What the exit statuses of workspace.sh mean to a caller."""

from __future__ import annotations

import re
from collections.abc import Sequence

from miyabi.errors import BadInput, ConnectionDropped, MachineDiskFull, MachineError, MachineNotReady, RemoteFailed
from miyabi.machines import Completed

BASE_MISSING = 67
_CAME_SHORT = 65
_DISK_FULL = 73
_NOT_READY = 78
_UNREADABLE = frozenset({2, 126, 127})

_NO_ROOM = re.compile("No space left on device|[Qq]uota exceeded")
_NAME = re.compile(r"[A-Za-z0-9_](?!.*\.\.)[A-Za-z0-9._-]*(?<!\.)(?<!\.lock)")


def failure(answer: Completed, *, machine: str, workspace: str, doing: str) -> MachineError:
    """Makes the error for a workspace.sh that did not do what it was asked for."""
    why = answer.complaint.removeprefix("miyabi: ") or f"exit status {answer.exit_status}"
    sentence = f"{machine}: cannot {doing}: {why}"
    if answer.exit_status == _DISK_FULL or _NO_ROOM.search(why):
        sentence = (
            f"{machine}: cannot {doing}: the disk of {workspace} is full. Free some space there, then start again."
        )
        return MachineDiskFull(sentence, machine=machine)
    if answer.exit_status == _NOT_READY:
        return MachineNotReady(f"{machine}: {why}.", machine=machine)
    if answer.exit_status == _CAME_SHORT:
        return ConnectionDropped(f"{machine}: the connection went while the code was on its way.", machine=machine)
    return RemoteFailed(sentence, machine=machine, exit_status=answer.exit_status, stderr=answer.complaint)


def script_is_gone(answer: Completed, script: str) -> bool:
    """Returns whether the machine's shell could not read the script: somebody has removed it since."""
    return answer.exit_status in _UNREADABLE and script.rpartition("/")[2] in answer.complaint


def require_safe(names: Sequence[str]) -> None:
    """Checks that the names may become folders and branches.

    Raises:
        BadInput: one of them could mean another place, or git would refuse it.
    """
    for name in names:
        if not _NAME.fullmatch(name):
            raise BadInput(
                f"{name!r} cannot be the name of a branch and a folder: letters, digits, '.', '_' and '-', "
                "no '..', not beginning with '.' or '-', not ending with '.' or '.lock'."
            )
