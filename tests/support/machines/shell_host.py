"""This machine with something else in place of `/bin/sh`: another shell, or one that root's rights are taken from."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from miyabi.machines import Completed
from miyabi.machines.local import LocalHost

SHELLS = (("dash",), ("bash",), ("bash", "--posix"), ("zsh",), ("mksh",), ("ksh",), ("posh",), ("busybox", "sh"))
"""Each that may be `/bin/sh` somewhere."""

STRICT_SHELLS = (("dash",), ("bash", "--posix"), ("busybox", "sh"), ("mksh",), ("posh",))
"""Those that are least like each other, for what takes longer."""

_RIGHTS = "-dac_override,-dac_read_search,-fowner"
WITHOUT_RIGHTS = ("/bin/sh",) if os.geteuid() else ("setpriv", f"--bounding-set={_RIGHTS}", "/bin/sh")
"""A shell for which the permissions of files count, whoever runs it."""


class ShellHost(LocalHost):
    """This machine, with another shell for our scripts."""

    def __init__(self, shell: Sequence[str]) -> None:
        super().__init__()
        self.shell = shell

    async def run(
        self,
        words: Sequence[str],
        *,
        stdin: bytes | Path = b"",
        stdout: Path | None = None,
        timeout_seconds: float = 60,
    ) -> Completed:
        """The words, with the other shell."""
        at = list(words).index("/bin/sh")
        words = [*words[:at], *self.shell, *words[at + 1 :]]
        return await super().run(words, stdin=stdin, stdout=stdout, timeout_seconds=timeout_seconds)
