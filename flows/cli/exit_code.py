"""What a command ends with: `ExitCode`."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The number that the shell sees; the command decides it, docs/commands.md promises it."""

    SUCCEEDED = 0
    FAILED = 1
    BAD_INPUT = 2
    RUNNING = 8
    INTERRUPTED = 130
