"""What a command ends with: `ExitCode`."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The number that the shell sees; the command decides it, README.md promises it."""

    SUCCEEDED = 0
    FAILED = 1
    BAD_INPUT = 2
    INTERRUPTED = 130
