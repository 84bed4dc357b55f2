"""What sessions say and are told, at its longest."""

from __future__ import annotations

from miyabi.claude import compose
from miyabi.claude.transcript import LineSplitter
from miyabi.git import Changes
from tests.support.values.dags import node
from tests.support.values.results import result


def test_long_reports_are_shortened() -> None:
    """However much a hundred upstreams said, the message stays readable."""
    changes = Changes(files=tuple(f"f{at}" for at in range(5_000)))
    long = result("model", final_message="word " * 10_000, changes=changes)
    assert len(compose(node("b"), upstream=[long])) < 5_000
    assert "- f29\n- and 4,970 more" in compose(node("b"), upstream=[long])
    assert len(compose(node("b"), upstream=[long] * 100)) < 80_000


def test_long_line() -> None:
    """A line of 10 MB in chunks of 64 KiB arrives whole."""
    stream = b"x" * 10_000_000 + b"\nshort\n"
    splitter = LineSplitter()
    lines = [line for i in range(0, len(stream), 65536) for line in splitter.feed(stream[i : i + 65536])]
    assert [len(line) for line in lines] == [10_000_000, 5]
