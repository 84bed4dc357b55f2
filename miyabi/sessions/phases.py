"""The sh text of what runs on a machine before and after a session's agent, in its slot."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable, Sequence

from miyabi.machines import quote_word

_IS_SET_UP = 10  # as workspace.sh says it
_CHECKOUT_MISSING = 72


def setup_script(
    ask: Callable[[str], str], *, session: str, checkout: str, commands: Sequence[str], prelude: str
) -> bytes:
    """Makes the set-up of a checkout: the commands in it, until one fails; nothing where it was set up by them before.

    What they make and change is no work of the session. The script ends with the exit status of the one that failed,
    else 0.

    Args:
        ask: makes the sh text that has workspace.sh do something with the task: what.
        session: its name.
        checkout: path of the checkout.
        commands: shell commands, in this order.
        prelude: shell text that sets up their environment.
    """
    digest = hashlib.sha256("\0".join(commands).encode("utf-8", "surrogateescape")).hexdigest()
    lines = [
        f"{ask('begin-setup')} {quote_word(session)} {digest} </dev/null",
        f"case $? in 0) ;; {_IS_SET_UP}) exit 0 ;; *) exit ;; esac",
        "(",
        prelude,
        f"cd {quote_word(checkout)} || exit {_CHECKOUT_MISSING}",
        *(f"/bin/sh -c {shlex.quote(command)} || exit" for command in commands),
        ") || exit",
        f"exec {ask('end-setup')} {digest} </dev/null",
        "",
    ]
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def after_script(salvage: str, *, checkout: str, check: str | None, prelude: str) -> bytes:
    """Makes what follows on a session: salvage, then, after the prelude, the check in the checkout.

    It ends with the check's exit status, 0 where there is none or where `MIYABI_STOPPED=1`.

    Args:
        salvage: sh text that has workspace.sh salvage what is uncommitted.
        checkout: path of the checkout.
        check: shell command, None for none.
        prelude: shell text that sets up its environment.
    """
    lines = [f"{salvage} </dev/null"]
    if check is not None:
        lines += [
            '[ "${MIYABI_STOPPED:-}" != 1 ] || exit 0',
            f"cd {quote_word(checkout)} || exit",
            prelude,
            f"exec /bin/sh -c {shlex.quote(check)}",
        ]
    return "\n".join([*lines, "exit 0", ""]).encode("utf-8", "surrogateescape")
