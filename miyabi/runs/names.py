"""Names of runs: new ones, those that belong to a flow run, and which a person may choose."""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import datetime

from miyabi.errors import BadInput

REHEARSAL_PREFIX = "rehearsal-"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


def new_run_name(now: datetime, *, rehearse: bool = False) -> str:
    """Makes a name for a run that starts `now`: sorts by time, and is safe in branches and file names."""
    return _name(now, "".join(secrets.choice(_LETTERS) for _ in range(3)), rehearse=rehearse)


def run_name_of(identity: str, *, started: datetime, rehearse: bool = False) -> str:
    """Makes the name of the run that belongs to an identity such as a flow run's: always the same."""
    digest = hashlib.sha256(identity.encode()).digest()
    return _name(started, "".join(_LETTERS[byte % len(_LETTERS)] for byte in digest[:3]), rehearse=rehearse)


def _name(start: datetime, suffix: str, *, rehearse: bool) -> str:
    return f"{REHEARSAL_PREFIX if rehearse else ''}{start:%Y%m%d-%H%M%S}-{suffix}"


def is_run_name(name: str) -> bool:
    """Returns whether it can be part of a branch and a file name."""
    return _NAME.fullmatch(name) is not None


def valid_run_name(name: str) -> str:
    """Returns the name itself.

    Raises:
        BadInput: it cannot be part of a branch and a file name.
    """
    if not is_run_name(name):
        raise BadInput(
            f"run {name!r} is not a usable name: 1 to 64 letters, digits, '-' and '_', beginning with a letter or "
            f"digit, for example nightly-1."
        )
    return name
