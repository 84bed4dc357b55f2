from __future__ import annotations

import json

import pytest

from miyabi.claude import Before, Init, RateLimit, Transcript
from miyabi.claude.events import AssistantText, Other, Result, ToolUse
from miyabi.claude.transcript import GIANT_BYTES
from tests.support.claude.recordings import actions, assistant, init, line, names, read, recording, result, tool


@pytest.mark.parametrize("size", [1, 7, 64, 4096])
def test_any_chunks(size: int) -> None:
    """The events are the same, however the stream is cut."""
    stream = recording("subagent").stdout
    whole, cut = Transcript(), Transcript()
    expected = whole.feed(stream)
    assert [e for i in range(0, len(stream), size) for e in cut.feed(stream[i : i + size])] == expected
    assert (cut.result, cut.spending, cut.turns) == (whole.result, whole.spending, whole.turns)


def test_recordings_are_understood() -> None:
    """No line of a JSON recording is foreign, and none of any other is taken for an event."""
    for found in map(recording, names()):
        transcript = found.transcript
        assert (transcript.malformed_lines == 0) or "json" not in found.expected["arguments"], found.name
        assert (transcript.init is None and transcript.result is None) or transcript.malformed_lines == 0, found.name
        assert (transcript.invalid_utf8_lines, transcript.torn) == (0, False), found.name


@pytest.mark.parametrize("name", ["json", "json_verbose", "streamjson", "stdin_prompt", "resume"])
def test_formats(name: str) -> None:
    """One object, an array and lines tell the same result."""
    found = recording(name).transcript.result
    assert found is not None
    assert (found.text, found.turns, found.usage.total, found.subtype) == ("All done.", 1, 120, "success")


def test_text_format() -> None:
    """Plain text is no result, whatever it says; it is kept to explain."""
    transcript = recording("text").transcript
    assert transcript.result is None
    assert transcript.stray == ("All done.",)
    assert transcript.malformed_lines == 1


@pytest.mark.parametrize("name", ["bg_task_8s", "subagent", "tool_timeout"])
def test_last_result(name: str) -> None:
    """Of several results the last one is kept; turns and tokens are those of all, the cost is the last total."""
    transcript = recording(name).transcript
    results = [e for e in Transcript().feed(recording(name).stdout) if isinstance(e, Result)]
    assert len(results) == 2
    assert transcript.result == results[-1]
    assert transcript.turns == 3
    assert transcript.spending.spent(Before()).usd == results[-1].total_cost_usd
    model = json.loads(recording(name).stdout.splitlines()[-1])["modelUsage"]["claude-opus-5-5"]
    assert transcript.spending.usage.total == model["inputTokens"] + model["outputTokens"]


def test_one_message_in_parts() -> None:
    """Parts that share a message id are one turn, a subagent's are none, and their usage is not added up."""
    usage = {"input_tokens": 100, "output_tokens": 1}
    transcript = Transcript()
    for part in ({"type": "thinking"}, {"type": "text", "text": "x"}, tool("Bash", command="ls")):
        transcript.feed(assistant(part, message_id="m1", usage=usage))
    transcript.feed(assistant({"type": "text", "text": "y"}, message_id="n1", parent="u"))
    assert (transcript.turns, transcript.spending.usage.total) == (1, 0)
    transcript.feed(assistant(tool("Bash", command="ls"), message_id="m2"))
    assert transcript.turns == 2
    transcript.feed(result(num_turns=2, usage={"input_tokens": 200, "output_tokens": 40}))
    assert (transcript.turns, transcript.spending.usage.total) == (2, 240)


def test_torn_last_line() -> None:
    """A last line that was cut is no event and no error; the one before counts."""
    transcript = read(init() + result() + b'{"type":"result","subtype":"err')
    assert transcript.torn
    assert transcript.malformed_lines == 0
    assert transcript.result is not None
    assert transcript.result.subtype == "success"


def test_last_line_without_break() -> None:
    """A last line that is whole but for its line break counts."""
    transcript = Transcript()
    assert transcript.feed(init() + result().rstrip()) == [transcript.init]
    assert actions(transcript.finish()) == ["Result"]
    assert not transcript.torn
    assert transcript.finish() == []


def test_foreign_lines() -> None:
    """Foreign lines and invalid UTF-8 are counted and hide nothing."""
    transcript = Transcript()
    stream = b"warning: \xff\xfe\n\n42\nnull\n" + init() + b"{broken\n" + b"[" * 100_000 + b"\n"
    transcript.feed(stream + result(result="caf\u00e9").replace(b"caf\\u00e9", b"caf\xe9"))
    assert transcript.malformed_lines == 5
    assert transcript.invalid_utf8_lines == 2
    assert transcript.result is not None
    assert transcript.result.text == "caf\ufffd"
    assert transcript.stray[0].startswith("warning:")


def test_windows_line_breaks() -> None:
    r"""`\r\n`, as a terminal in between makes it, changes nothing."""
    stream = recording("streamjson_bash").stdout
    plain, changed = Transcript(), Transcript()
    assert changed.feed(stream.replace(b"\n", b"\r\n")) == plain.feed(stream)
    assert recording("ssh_tt_kill_client").transcript.malformed_lines == 0


@pytest.mark.parametrize("blank", [b"", b" "])
def test_giant_lines(blank: bytes) -> None:
    """A giant line is not decoded unless it may hold a result, and then it is."""
    text = "x" * GIANT_BYTES
    transcript = Transcript()
    assert transcript.feed(line(type="user", message={"content": [{"type": "tool_result", "content": text}]})) == [
        Other(type="giant")
    ]
    assert transcript.giant_lines == 1
    transcript.feed(b'{"result":"' + text.encode() + b'","type":' + blank + b'"result"}\n')
    assert transcript.result is not None
    assert len(transcript.result.text) == GIANT_BYTES


def test_unknown_events() -> None:
    """Types and subtypes of other versions, and known ones in unknown shapes, are ignored."""
    transcript = Transcript()
    strange = [
        line(type="brand_new", x=1),
        line(type="system", subtype="brand_new"),
        line(no_type=1),
        line(type=["assistant"]),
        line(type="assistant", message="text"),
        line(type="assistant", message={"content": [1, None, {"type": {}}]}),
        line(type="user", message={"content": "plain"}),
        line(type="rate_limit_event", rate_limit_info={"status": 3, "resetsAt": "soon", "utilization": "much"}),
        line(type="system", subtype="init", slash_commands={"a": 1}, skills=[1, "ok"]),
        line(type="result", num_turns="many", total_cost_usd=None, usage=[], errors=[1], permission_denials=["x"]),
        b'{"type":"result","num_turns":1e400,"total_cost_usd":NaN,"result":null}\n',
    ]
    events = [event for entry in strange for event in transcript.feed(entry)]
    assert len(events) == len(strange)
    assert transcript.malformed_lines == 0
    assert (transcript.turns, transcript.spending.spent(Before()).usd) == (0, 0.0)


@pytest.mark.parametrize("seconds", [0, -5, 1e300, True, "1799999999", None, float("nan")])
def test_no_moment(seconds: object) -> None:
    """A reset time that is none is unknown, never an error."""
    events = Transcript().feed(
        line(type="rate_limit_event", rate_limit_info={"status": "rejected", "resetsAt": seconds})
    )
    assert events == [RateLimit(status="rejected")]


def test_key_order() -> None:
    """The order of keys means nothing: in real results `type` comes late."""
    assert recording("streamjson_bash").stdout.splitlines()[-1].startswith(b'{"duration_api_ms"')
    events = Transcript().feed(b'{"result":"x","num_turns":2,"type":"result","subtype":"success","is_error":false}\n')
    assert events == [Result(text="x", turns=2, subtype="success")]


def test_events_of_a_session() -> None:
    """A session with a tool tells its events in order."""
    events = Transcript().feed(recording("streamjson_bash").stdout)
    assert actions(events) == ["Init", "AssistantText", "ToolUse", "ToolResult", "AssistantText", "Result"]
    begin, text, use = events[:3]
    assert isinstance(begin, Init)
    assert (begin.version, begin.permission_mode, begin.api_key_source) == (
        "2.1.330",
        "bypassPermissions",
        "ANTHROPIC_API_KEY",
    )
    assert isinstance(text, AssistantText)
    assert text.text == "I will commit."
    assert isinstance(use, ToolUse)
    assert (use.tool, use.subject[:7]) == ("Bash", "echo hi")


def test_denials_once() -> None:
    """A denial that is told when it happens and again in the result is one, with the command."""
    (denial,) = recording("perm_dontAsk_bash").transcript.denials
    assert denial.tool == "Bash"
    assert denial.subject.startswith("echo hi > hello.txt")


def test_session_id() -> None:
    """The conversation's id comes from what the session says first or last."""
    assert Transcript().session_id is None
    assert read(init()).session_id == "s"
    assert recording("json").transcript.session_id is not None
