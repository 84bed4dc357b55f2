"""How many lines a second the parser reads, beside peers that do less; and how long one 10 MB line holds the loop.

Run: python bench/parser.py [TURNS]
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator

from miyabi.claude import Transcript

CHUNK_BYTES = 65536
GIANT_CHARACTERS = 10_000_000


def session(turns: int) -> bytes:
    """The output of a long session: each turn a text, a tool use and a result of 2 KB."""
    return b"".join(json.dumps(event).encode() + b"\n" for event in events(turns))


def events(turns: int) -> Iterator[dict[str, object]]:
    """Its events, shaped and sized as recorded."""
    common = {"session_id": "b98ccc54-ee6e-463c-83ea-480467fb60b2", "parent_tool_use_id": None, "uuid": "0" * 36}
    yield {"type": "system", "subtype": "init", "cwd": "/w", "slash_commands": ["x"] * 40, **common}
    usage = {"input_tokens": 100, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 1}
    for turn in range(turns):
        message = {"id": f"msg_{turn}", "type": "message", "role": "assistant", "model": "m", "usage": usage}
        use = {"type": "tool_use", "id": f"u{turn}", "name": "Bash", "input": {"command": "pytest -q tests/unit"}}
        answer = {"tool_use_id": f"u{turn}", "type": "tool_result", "content": "tests passed\n" * 80, "is_error": False}
        yield {
            "type": "assistant",
            "message": message | {"content": [{"type": "text", "text": "Now I test."}]},
            **common,
        }
        yield {"type": "assistant", "message": message | {"content": [use]}, **common}
        printed = {"stdout": "tests passed\n" * 80}
        yield {"type": "user", "message": {"role": "user", "content": [answer]}, "tool_use_result": printed, **common}
    counts = {"num_turns": turns, "duration_ms": 1, "duration_api_ms": 1, "total_cost_usd": 0.1}
    yield {
        "type": "result",
        "subtype": "success",
        "is_error": False,
        "result": "done",
        "usage": usage,
        **counts,
        **common,
    }


def chunks(stream: bytes) -> Iterator[bytes]:
    """The stream as it comes over a connection."""
    return (stream[i : i + CHUNK_BYTES] for i in range(0, len(stream), CHUNK_BYTES))


def ours(stream: bytes) -> None:
    """Events, counts, last action."""
    transcript = Transcript()
    for chunk in chunks(stream):
        transcript.feed(chunk)


def bare(stream: bytes) -> None:
    """Only json.loads of each line: nothing that reads JSON in Python can be faster."""
    for line in stream.splitlines():
        json.loads(line)


def naive(stream: bytes) -> None:
    """The usual loop: a growing buffer, cut at the first line break again and again."""
    buffer = ""
    for chunk in chunks(stream):
        buffer += chunk.decode(errors="replace")
        while "\n" in buffer:
            line, buffer = buffer.split("\n", 1)
            json.loads(line)


def sdk(stream: bytes) -> None:
    """claude-agent-sdk's own reading of a line, after json.loads."""
    from claude_agent_sdk._internal.message_parser import parse_message  # noqa: PLC0415 - a peer, optional

    for line in stream.splitlines():
        parse_message(json.loads(line))


def seconds(work: Callable[[bytes], None], stream: bytes) -> float:
    """The best of five."""
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        work(stream)
        best = min(best, time.perf_counter() - start)
    return best


def throughput(turns: int) -> None:
    """One table: lines a second."""
    stream = session(turns)
    lines = stream.count(b"\n")
    print(f"a session of {lines:,} lines, {len(stream) / 1e6:.1f} MB, in chunks of 64 KiB")
    for name, work in (("ours", ours), ("json.loads only", bare), ("naive loop", naive), ("claude-agent-sdk", sdk)):
        try:
            took = seconds(work, stream)
        except ImportError:
            print(f"  {name:<18} not installed")
            continue
        print(f"  {name:<18}{lines / took:>12,.0f} lines/s {len(stream) / took / 1e6:>8,.0f} MB/s")


def longest_stall(work: Callable[[bytes], None], stream: bytes) -> float:
    """Milliseconds for which one call holds the event loop."""
    return 1000 * seconds(work, stream)


def giant() -> None:
    """One table: a line of 10 MB, read in one go and by us chunk by chunk."""
    print("one line of 10 MB (a tool's output)")
    for name, text in (("plain", "x" * GIANT_CHARACTERS), ("with escapes", 'a "b" \\ \n' * (GIANT_CHARACTERS // 9))):
        stream = json.dumps({"type": "user", "message": {"content": text}}).encode() + b"\n"
        transcript, stalls = Transcript(), []
        for chunk in chunks(stream):
            start = time.perf_counter()
            transcript.feed(chunk)
            stalls.append(1000 * (time.perf_counter() - start))
        print(
            f"  {name:<14} longest feed() {max(stalls):6.1f} ms; json.loads alone {longest_stall(bare, stream):6.1f} ms"
        )


if __name__ == "__main__":
    throughput(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
    giant()
