"""Bytes become lines: any chunk size, any line length, in time linear in the bytes."""

from __future__ import annotations

MEBIBYTE = 1 << 20


class LineSplitter:
    r"""Cuts a stream into its lines, without their `\n` or `\r\n`; empty lines are left out.

    A chunk is looked at once and a line is joined once, when its end has come: feeding 10 MB of one line in chunks
    of 64 KiB costs one copy. A line over `longest_bytes` is not kept in memory, it is only counted in `dropped`.
    """

    def __init__(self, *, longest_bytes: int = 64 * MEBIBYTE) -> None:
        self.dropped = 0
        self._longest_bytes = longest_bytes
        self._parts: list[bytes] = []
        self._held_bytes = 0

    @property
    def rest(self) -> bytes:
        """What came after the last line break."""
        return b"".join(self._parts)

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that end in `data`."""
        first, *others = data.split(b"\n")
        self._hold(first)
        if not others:
            return []
        lines = [self._take(), *others[:-1]]
        self._hold(others[-1])
        return [line for line in (line.removesuffix(b"\r") for line in lines) if line]

    def _hold(self, part: bytes) -> None:
        self._held_bytes += len(part)
        if self._held_bytes > self._longest_bytes:
            self._parts.clear()
        elif part:
            self._parts.append(part)

    def _take(self) -> bytes:
        line, self.dropped = self.rest, self.dropped + (self._held_bytes > self._longest_bytes)
        self._parts.clear()
        self._held_bytes = 0
        return line
