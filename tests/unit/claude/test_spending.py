from __future__ import annotations

import json
from typing import Any

import pytest

from miyabi.claude import Before, SpendingRecord, Transcript
from miyabi.claude.spending import Spend
from tests.support.claude.recordings import assistant, init, line, read, recording, result

MODEL = "claude-opus-5-5"
IN_USD, OUT_USD = 4e-6, 20e-6


def message(number: int, *, parent: str | None = None, model: str = MODEL, kind: str = "text") -> bytes:
    """A message as the stream tells it: with the tokens that were known when it began."""
    block = {"type": kind, "text": "x", "id": f"u{number}", "name": "Bash", "input": {}}
    usage = {"input_tokens": 1000, "output_tokens": 1}
    said = {"id": f"m{number}", "model": model, "content": [block], "usage": usage}
    return line(type="assistant", message=said, parent_tool_use_id=parent)


def kept(number: int, *, output: int = 500, model: str = MODEL, stop: str | None = "tool_use", **fields: Any) -> bytes:
    """The same as the transcript has it: whole."""
    usage = {"input_tokens": 1000, "output_tokens": output}
    said = {"id": f"m{number}", "model": model, "content": [], "stop_reason": stop, "usage": usage}
    return line(type="assistant", message=said, timestamp=f"2026-01-01T00:00:{number:02}Z", **fields)


def cost_state(total: float) -> bytes:
    """The line that a claude writes which could end in order."""
    return line(type="cost-state", totalCostUSD=total, modelUsage={})


LEAST, WHOLE = 1000 * IN_USD + OUT_USD, 1000 * IN_USD + 500 * OUT_USD


def spent(stream: bytes, before: Before | None = None, record: bytes | None = None) -> Spend:
    """What a session cost that said this."""
    known = None if record is None else SpendingRecord.read(record)
    return read(stream).spending.spent(before or Before(), record=known)


@pytest.mark.parametrize(
    ("stream", "usd", "is_partial"),
    [
        (b"", 0, False),
        (init(), 0, True),
        (init() + message(1), LEAST, True),
        (init() + message(1) + message(1, kind="tool_use"), LEAST, True),
        (init() + message(1) + message(2), 2 * LEAST, True),
        (init() + message(1) + message(2, parent="u1"), 2 * LEAST, True),
        (init() + message(1) + result(total_cost_usd=0.5), 0.5, False),
        (init() + message(1) + result(total_cost_usd=0.5) + init() + message(2), 0.5 + LEAST, True),
        (init() + message(1, model="claude-unknown"), 0, True),
        (init() + message(1, model="<synthetic>"), 0, True),
        (init() + result(total_cost_usd=0.5) + b'{"type":"assis', 0.5, True),
    ],
)
def test_what_the_stream_alone_tells(stream: bytes, usd: float, *, is_partial: bool) -> None:
    """Each message counts once, subagents' too; what claude said itself wins; the rest is at least that."""
    found = spent(stream)
    assert (found.usd, found.is_partial) == (pytest.approx(usd), is_partial)


def test_tokens_are_reported_even_without_a_price() -> None:
    """Of a model that nobody knows the tokens are told."""
    found = spent(init() + message(1, model="claude-unknown"))
    assert (found.usd, found.usage.input_tokens, found.usage.output_tokens) == (0, 1000, 1)


@pytest.mark.parametrize(
    ("record", "before", "usd"),
    [
        (kept(1) + kept(2), Before(), 2 * WHOLE),  # KILL
        (kept(1) + kept(2) + cost_state(2 * WHOLE), Before(), 2 * WHOLE),  # TERM
        (kept(1) + kept(1) + kept(2), Before(), 2 * WHOLE),
        (kept(8) + cost_state(1.0) + kept(1) + kept(2), Before(total_usd=1.0), 2 * WHOLE),
        (kept(9) + kept(1) + kept(2), Before(since_usd=WHOLE), 2 * WHOLE),  # KILL after KILL
        (kept(9) + kept(1) + kept(2) + cost_state(2 * WHOLE), Before(since_usd=WHOLE), 2 * WHOLE),  # TERM after KILL
        (kept(1) + kept(2) + kept(3, isSidechain=True), Before(), 3 * WHOLE),
        (kept(8) + cost_state(1.0) + kept(9) + kept(1) + kept(2), Before(total_usd=1.0, since_usd=WHOLE), 2 * WHOLE),
    ],
)
def test_what_the_transcript_tells(record: bytes, before: Before, usd: float) -> None:
    """With the transcript it is exact, whatever ended this attempt and those before it."""
    found = spent(init() + message(1) + message(2), before, record)
    assert (found.usd, found.is_partial) == (pytest.approx(usd), False)


def test_subagents_of_an_earlier_attempt() -> None:
    """A subagent's messages that claude's own total holds already do not count again."""
    lines = kept(1) + cost_state(2 * WHOLE) + kept(5) + kept(2, isSidechain=True) + kept(6, isSidechain=True)
    found = spent(init() + message(5) + message(6, parent="u5"), Before(total_usd=2 * WHOLE), lines)
    assert found.usd == pytest.approx(2 * WHOLE)


TOOL = {"type": "tool_result", "tool_use_id": "u1", "content": "done"}


@pytest.mark.parametrize(
    ("stream", "record"),
    [
        (message(1) + line(type="user", message={"content": [TOOL]}), kept(1)),  # the API is asked again
        (message(1), b""),
        (message(1) + message(2), kept(1)),
        (message(1), kept(1, stop=None)),
        (message(1, model="claude-unknown"), kept(1, model="claude-unknown")),
        (message(1) + line(type="system", subtype="task_started", task_type="local_agent", tool_use_id="u1"), kept(1)),
    ],
)
def test_what_even_the_transcript_does_not_tell(stream: bytes, record: bytes) -> None:
    """An answer under way, a message that is not there or not whole, and a model without price: at least that."""
    assert spent(init() + stream, record=record).is_partial


def test_a_tool_that_was_ended_with_claude() -> None:
    """The end of a tool that claude killed when it was ended asks the API nothing more."""
    killed = line(type="user", message={"content": [TOOL | {"content": "Exit code 137", "is_error": True}]})
    assert not spent(init() + message(1) + killed, record=kept(1)).is_partial


def test_a_line_too_long_to_be_read() -> None:
    """What was not read may have cost something, until the next result."""
    giant = message(1).replace(b'"x"', b'"' + b"x" * 1_100_000 + b'"')
    assert spent(giant).is_partial
    assert not spent(giant + result(total_cost_usd=1)).is_partial


def test_what_claude_counts_afterwards() -> None:
    """A result's total is claude's own count; of one that was killed it is what the transcript says."""
    assert spent(init() + result(total_cost_usd=0.5)).total_usd == 0.5
    assert spent(init() + message(1), Before(total_usd=0.2)).total_usd == 0.2
    assert spent(init() + message(1), Before(total_usd=0.2), kept(1) + cost_state(0.3)).total_usd == 0.3
    gone = spent(init() + message(1) + result(total_cost_usd=WHOLE), record=kept(1))  # killed before it kept the total
    assert (gone.usd, gone.is_partial, gone.total_usd) == (pytest.approx(WHOLE), False, 0.0)


def test_attempts_that_went_well() -> None:
    """An attempt that goes on costs the difference; a new conversation costs all of its total."""
    first, second = (recording(name).transcript for name in ("limit_then_resume_1", "limit_then_resume_2"))
    total = first.spending.spent(Before()).total_usd
    assert second.spending.spent(Before(total_usd=total)).usd == pytest.approx(0.0004)
    stream = init() + result(total_cost_usd=0.5)
    assert [spent(stream, Before(total_usd=usd)).usd for usd in (0.0, 2.0)] == [0.5, 0.5]


def test_lines_that_are_none() -> None:
    """A transcript that is damaged, or has lines of later versions, is read as far as it goes."""
    odd = b'{"type":"assistant"}\nx\n[]\n{"type":"cost-state","totalCostUSD":"x"}\n' + json.dumps({"type": 1}).encode()
    assert SpendingRecord.read(odd + b"\n" + kept(1)).after == {"m1"}


def test_messages_without_usage() -> None:
    """Messages that tell no tokens count for nothing."""
    transcript = Transcript()
    transcript.feed(init() + assistant({"type": "text", "text": "x"}))
    assert transcript.spending.messages == {}
