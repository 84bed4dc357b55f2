from __future__ import annotations

import pytest

from miyabi.claude.transcript import LineSplitter


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_any_chunks(size: int) -> None:
    """The lines are the same, however the stream is cut."""
    stream = "eins\nzwei drei\r\n\n日本語 🎉\nrest".encode()
    splitter = LineSplitter()
    lines = [line for i in range(0, len(stream), size) for line in splitter.feed(stream[i : i + size])]
    assert lines == [b"eins", b"zwei drei", "日本語 🎉".encode()]
    assert splitter.rest == b"rest"


def test_endless_line() -> None:
    """A line without end takes no more memory than allowed, is counted, and does not hurt the next one."""
    splitter = LineSplitter(longest_bytes=100)
    assert splitter.feed(b"x" * 99) == []
    assert splitter.feed(b"x" * 99) == []
    assert splitter.rest == b""
    assert splitter.feed(b"x\nnext\n") == [b"next"]
    assert splitter.dropped == 1


def test_longest_line() -> None:
    """A line of exactly the allowed length is kept, one that is longer is not."""
    splitter = LineSplitter(longest_bytes=4)
    assert [line for byte in b"1234\n12345\n" for line in splitter.feed(bytes([byte]))] == [b"1234"]


def test_carriage_return_between_chunks() -> None:
    """A line break of two characters may come in two chunks."""
    splitter = LineSplitter()
    assert splitter.feed(b"a\r") == []
    assert splitter.feed(b"\nb\n") == [b"a", b"b"]
