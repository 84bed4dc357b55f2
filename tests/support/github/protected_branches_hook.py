"""A proc-receive hook: refuses the branches that git passes to it, as GitHub refuses protected ones. Runs by itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator


def _packets() -> Iterator[bytes]:
    """The packets until the next flush."""
    while size := int(sys.stdin.buffer.read(4), 16):
        yield sys.stdin.buffer.read(size - 4)


def _send(*lines: str) -> None:
    for line in lines:
        sys.stdout.buffer.write(f"{len(line.encode()) + 4:04x}{line}".encode())
    sys.stdout.buffer.write(b"0000")
    sys.stdout.buffer.flush()


def main() -> None:
    """Says no to each."""
    list(_packets())
    _send("version=1")
    refs = [packet.decode().split()[2] for packet in _packets()]
    for ref in refs:
        print(f"error: GH006: Protected branch update failed for {ref}.", file=sys.stderr)
        print("error: Changes must be made through a pull request.", file=sys.stderr)
    _send(*(f"ng {ref} protected branch hook declined" for ref in refs))


if __name__ == "__main__":
    main()
