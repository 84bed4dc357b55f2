"""This machine, and what was sent to it: how often, how much, and what a cut in the middle does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from miyabi.machines import Completed
from miyabi.machines.local import LocalHost


class NotedHost(LocalHost):
    """This machine, and what was asked of it: verb and bytes that were sent. May cut the output of one verb once."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[str, int]] = []
        self.cuts = ""

    async def run(
        self,
        words: Sequence[str],
        *,
        stdin: bytes | Path = b"",
        stdout: Path | None = None,
        timeout_seconds: float = 60,
    ) -> Completed:
        """Notes it."""
        verb = words[3] if len(words) > 3 else words[0]
        self.sent.append((verb, _size(stdin)))
        is_cut = bool(self.cuts) and verb == self.cuts
        self.cuts = "" if is_cut else self.cuts
        sent = _content(stdin)[:-1] if is_cut and stdout is None else stdin
        done = await super().run(words, stdin=sent, stdout=stdout, timeout_seconds=timeout_seconds)
        if is_cut and stdout:
            _shorten(stdout)
        return done

    @property
    def sizes(self) -> list[int]:
        """The bytes that were sent, call by call."""
        return [size for _, size in self.sent]

    def verbs(self) -> list[str]:
        """What was asked, in order."""
        return [verb for verb, _ in self.sent if verb.startswith(("large", "prepare", "collect"))]


def _content(sent: bytes | Path) -> bytes:
    return sent.read_bytes() if isinstance(sent, Path) else sent


def _shorten(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def _size(sent: bytes | Path) -> int:
    return sent.stat().st_size if isinstance(sent, Path) else len(sent)
