"""A machine that takes no session, as findings: what the pre-flight check of a run says of it."""

from __future__ import annotations

import re
import sys

from miyabi.doctor.finding import HealthFinding, Kind, Severity
from miyabi.errors import (
    ConnectionDropped,
    HostKeyRefused,
    LoginRefused,
    MachineError,
    MachineUnreachable,
    SshConfigUnusable,
)

_AS_IT_SAYS = "as it says"
_SENTENCE = re.compile(r"(?<=[.?])\s+(?=[A-Z])")


def _kind(own: str, when: str, why: str) -> Kind:
    return Kind(id=own, severity=Severity.ERROR, when=when, why=why, mend=_AS_IT_SAYS)


NOT_READY = _kind(
    "not-ready",
    "it lacks what a session needs: perl, git, git-lfs, claude and its login, a token file of mode 0600, the tools of "
    "set-ups, folders, 200 MiB of disk; or a command there takes over a minute",
    "A run leaves it out before it begins.",
)
TAKEN_OUT = _kind("taken-out", "somebody has taken it out, in Prefect", "Nothing begins there until it is back.")
LOCAL_NETWORK = Kind(
    id="local-network",
    severity=Severity.WARNING,
    when="the orchestrator runs on macOS 15 or later, and there is no way to the machine (`EHOSTUNREACH`)",
    why="macOS says so of each address of the local network, too, where it has not allowed the program: from a launchd "
    "agent, as a nightly one is, it denies that without a question.",
    mend="System Settings > Privacy & Security > Local Network: allow the terminal; make a nightly one a LaunchDaemon",
)
BY_ERROR: dict[type[MachineError], Kind] = {
    MachineUnreachable: _kind("unreachable", "nothing answers there, or not with SSH", "A run begins without it."),
    HostKeyRefused: _kind("host-key", "its host key is unknown, changed or revoked", "Nothing is ever sent there."),
    LoginRefused: _kind("login-refused", "it takes none of our keys", "Asking again may lock our address out."),
    SshConfigUnusable: _kind("ssh-config", "~/.ssh/config cannot be used for it", "A run begins without it."),
    ConnectionDropped: _kind("dropped", "the link went amid the check", "So will that of its sessions' orchestrator."),
}
NOT_EXAMINED = Kind(
    id="not-examined",
    severity=Severity.WARNING,
    when="it can take sessions, but what it was asked for this table did not come within 45 seconds",
    why="It may be overloaded, or a program hangs there: nothing of the rest of this table is known.",
    mend=_AS_IT_SAYS,
)
REFUSAL_KINDS = (*BY_ERROR.values(), NOT_READY, TAKEN_OUT, NOT_EXAMINED, LOCAL_NETWORK)


def findings_of_refusal(
    error: MachineError, *, taken_out: bool = False, platform: str = sys.platform
) -> list[HealthFinding]:
    """Makes findings of why a machine takes no session.

    Args:
        error: what the check of it raised.
        taken_out: whether somebody has taken it out.
        platform: of the orchestrator, as `sys.platform`.
    """
    kind = (
        TAKEN_OUT
        if taken_out
        else BY_ERROR.get(type(error))
        or next((kind for of, kind in BY_ERROR.items() if isinstance(error, of)), NOT_READY)
    )
    found = [said(kind, str(error))]
    if platform == "darwin" and "> Local Network must allow" in str(error):
        found.append(LOCAL_NETWORK.finding("no way to it: that may be macOS' own refusal"))
    return found


def not_examined(error: MachineError) -> HealthFinding:
    """Makes the finding of a machine that is fit, and of which nothing more is known."""
    return said(NOT_EXAMINED, str(error))


def said(kind: Kind, text: str) -> HealthFinding:
    """Makes a finding of a message: its first sentence is what is found, the others are what to do."""
    what, *todo = _SENTENCE.split(text, maxsplit=1)
    return HealthFinding(id=kind.id, severity=kind.severity, what=what, why=kind.why, mend=todo[0] if todo else "")
