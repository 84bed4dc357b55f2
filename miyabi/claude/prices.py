"""What tokens cost: list prices by model, US dollars per million tokens, as Claude Code 2.1.330 knows them.

They are used only where a session ended before claude itself could say what it cost. What claude said of a model before
wins over the table, and is all there is for a model that the table does not know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_MILLION = 1e6
_WEB_SEARCH_USD = 0.01
_PROVIDER = re.compile(r"^(?:\w+\.)?anthropic\.")
_VERSION = re.compile(r"(?:[@-]\d{8}.*|-v\d+(?::\d+)?|\[\w+\])$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """The tokens of one answer of the API, or of many. `is_standard`: priced as usual, not for speed."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    web_searches: int = 0
    is_standard: bool = True

    @property
    def prompt(self) -> int:
        """All that was read."""
        return self.input + self.cache_read + self.cache_write_5m + self.cache_write_1h


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars per million tokens. What is written into the cache costs 1.25 times the input, for an hour twice."""

    input: float
    output: float
    cache_read: float
    long_above: int | None = None
    long_factor: float = 1.0

    def usd(self, tokens: Tokens) -> float:
        """Returns what the tokens of one answer cost, US dollars."""
        is_long = self.long_above is not None and tokens.prompt > self.long_above
        written = 1.25 * tokens.cache_write_5m + 2 * tokens.cache_write_1h
        dollars = (
            self.input * (tokens.input + written) + self.output * tokens.output + self.cache_read * tokens.cache_read
        )
        return dollars / _MILLION * (self.long_factor if is_long else 1) + _WEB_SEARCH_USD * tokens.web_searches


_USUAL = Price(1, 5, 0.1)
"""How the prices of most models stand to each other."""

_FOUR = Price(4, 20, 0.2)
_FIVE = Price(5, 25, 0.5)
_FIFTEEN = Price(15, 75, 1.5)
_EIGHT = Price(8, 40, 0.2)
_TEN = Price(10, 50, 1)
_TEN_CACHED = Price(10, 50, 0.25)
_THREE = Price(3, 15, 0.3)
PRICES: Mapping[str, Price] = {
    "claude-3-5-haiku": Price(0.8, 4, 0.08),
    "claude-haiku-4-5": Price(1, 5, 0.1),
    "claude-haiku-5-5": Price(0.1, 0.5, 0.01, long_above=100_000, long_factor=5),
    **dict.fromkeys(("claude-3-5-sonnet", "claude-3-7-sonnet", "claude-sonnet-4", "claude-sonnet-4-0"), _THREE),
    **dict.fromkeys(("claude-sonnet-4-5", "claude-sonnet-4-6"), _THREE),
    "claude-sonnet-5": Price(2, 10, 0.2),
    "claude-sonnet-5-5": Price(2, 10, 0.1),
    **dict.fromkeys(("claude-opus-4", "claude-opus-4-0", "claude-opus-4-1"), _FIFTEEN),
    **dict.fromkeys(("claude-opus-4-5", "claude-opus-4-6", "claude-opus-4-7", "claude-opus-4-8"), _FIVE),
    "claude-opus-5": _FIVE,
    "claude-opus-5-5": _FOUR,
    **dict.fromkeys(("claude-fable-5", "claude-mythos-5"), _TEN),
    **dict.fromkeys(("claude-fable-5-1", "claude-mythos-5-1"), _TEN_CACHED),
    **dict.fromkeys(("claude-fable-5-2", "claude-mythos-5-2"), _EIGHT),
}


def model_name(model: str) -> str:
    """Returns the model's name as the table has it, without provider, date and version."""
    return _VERSION.sub("", _PROVIDER.sub("", model))


@dataclass(frozen=True, slots=True)
class ModelTotal:
    """What claude said that a model has cost, and for how many tokens."""

    usd: float
    tokens: Tokens


def usd_of(model: str, tokens: Tokens, *, said: Mapping[str, ModelTotal]) -> float | None:
    """Returns what the tokens of one answer cost, US dollars; None where nobody knows.

    Args:
        model: as the API names it.
        tokens: of the answer.
        said: what claude itself said before, by model.
    """
    if not tokens.is_standard:
        return None
    known, total = PRICES.get(model_name(model)), said.get(model)
    price = known or _USUAL
    whole = price.usd(total.tokens) if total else 0.0
    if total is None or not whole:
        return known.usd(tokens) if known else None
    factor = 1.0 if known and known.long_above else total.usd / whole
    return price.usd(tokens) * factor
