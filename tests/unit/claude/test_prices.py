from __future__ import annotations

import pytest

from miyabi.claude.decode import model_totals
from miyabi.claude.prices import ModelTotal, Tokens, model_name, usd_of
from tests.support.claude.recordings import names, recording

MILLION = 1_000_000


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("claude-opus-5-5", "claude-opus-5-5"),
        ("claude-opus-5-5[1m]", "claude-opus-5-5"),
        ("claude-sonnet-4-20250514", "claude-sonnet-4"),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5"),
        ("claude-3-5-haiku@20241022", "claude-3-5-haiku"),
        ("anthropic.claude-haiku-4-5", "claude-haiku-4-5"),
    ],
)
def test_a_model_by_whatever_name(model: str, name: str) -> None:
    """Provider, date and version are no part of a model's name."""
    assert model_name(model) == name
    assert usd_of(model, Tokens(input=MILLION), said={})


@pytest.mark.parametrize(
    ("tokens", "usd"),
    [
        (Tokens(input=MILLION), 4),
        (Tokens(output=MILLION), 20),
        (Tokens(cache_read=MILLION), 0.2),
        (Tokens(cache_write_5m=MILLION), 5),
        (Tokens(cache_write_1h=MILLION), 8),
        (Tokens(web_searches=3), 0.03),
        (Tokens(), 0),
    ],
)
def test_each_kind_of_token(tokens: Tokens, usd: float) -> None:
    """Every kind has its own price."""
    assert usd_of("claude-opus-5-5", tokens, said={}) == pytest.approx(usd)


def test_a_long_prompt() -> None:
    """A model that is dearer for long prompts is so from the first token of one that is longer."""
    short, long = (usd_of("claude-haiku-5-5", Tokens(input=number), said={}) for number in (100_000, 100_001))
    assert (short, long) == (pytest.approx(0.01), pytest.approx(0.0500005))


def test_what_claude_said_of_a_model() -> None:
    """What claude said that a model costs wins over the table, and is all there is where the table has none."""
    said = {
        "claude-opus-5-5": ModelTotal(8.0, Tokens(input=MILLION)),
        "claude-new-9": ModelTotal(3.0, Tokens(input=MILLION)),
        "claude-nothing": ModelTotal(0.0, Tokens()),
    }
    assert usd_of("claude-opus-5-5", Tokens(output=MILLION), said=said) == pytest.approx(40)
    assert usd_of("claude-new-9", Tokens(output=MILLION), said=said) == pytest.approx(15)
    assert usd_of("claude-nothing", Tokens(output=MILLION), said=said) is None
    assert usd_of("claude-new-9", Tokens(output=MILLION), said={}) is None
    assert usd_of("claude-opus-5-5", Tokens(output=MILLION, is_standard=False), said={}) is None


def test_the_table_is_claudes_own() -> None:
    """What the recorded sessions said that their models cost is what the table makes of their tokens."""
    totals = [t for n in names() if (r := recording(n).transcript.result) for t in r.models.items() if t[1].usd]
    assert len(totals) > 20
    for model, total in totals:
        assert usd_of(model, total.tokens, said={}) == pytest.approx(total.usd), model


def test_odd_totals() -> None:
    """A total of an unexpected shape counts as nothing."""
    odd = {"modelUsage": {"a": 1, "b": {"costUSD": "x", "inputTokens": -1, "outputTokens": None}}}
    assert model_totals(odd) == {"b": ModelTotal(0.0, Tokens())}
