"""YAML means what the same JSON means, and can do no more than JSON can."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from typing import Any

import pytest
import yaml

from miyabi.dag import Dag, yaml_loader
from miyabi.dag.yaml_loader import YamlRefused, from_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None),
        ("~", None),
        ("", None),
        ("true", True),
        ("False", False),
        ("12", 12),
        ("-3", -3),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("'12'", "12"),
        ('"true"', "true"),
        ("!!str 12", "12"),
        ("no", "no"),
        ("on", "on"),
        ("1:30", "1:30"),
        ("010", "010"),
        ("1_000", "1_000"),
        ("0x1f", "0x1f"),
        ("2026-01-01", "2026-01-01"),
        (".nan", ".nan"),
        ("作業 📒", "作業 📒"),
    ],
)
def test_a_value_is_what_json_would_make_of_it(text: str, value: Any) -> None:
    """Nothing turns into a date, a yes, an octal or a time of day behind one's back."""
    assert from_yaml(f"- {text}") == [value]


@pytest.mark.parametrize(
    "values", [{"a": [1, {"b": None, "": "x"}, []], "c": {}}, [[["deep"]]], {"text": "two\nlines: #1\t'\"\\ \u2028"}]
)
def test_json_is_yaml(values: Any) -> None:
    """What JSON says is read alike as YAML, and so is what a YAML writer makes of it."""
    assert from_yaml(json.dumps(values)) == values
    assert from_yaml(yaml.safe_dump(values, allow_unicode=True)) == values


TEXTS = ["", "a", "no", "1:30", "010", "~", "null", "true", "-", "# x", "x: y", "作業", "two\nlines", "*a", "&a"]
DAMAGE = ["", "\t", "[", "}", ":", "- ", "*a", "&a ", "'", '"', "!!int ", "\n---\n", "<<: ", "? "]


def value(rng: random.Random, *, depth: int = 0) -> Any:
    """Anything that JSON can say, a few levels deep."""
    kind = rng.random() if depth < 4 else 1
    if kind < 0.3:
        return {rng.choice(TEXTS): value(rng, depth=depth + 1) for _ in range(rng.randint(0, 4))}
    if kind < 0.6:
        return [value(rng, depth=depth + 1) for _ in range(rng.randint(0, 4))]
    return rng.choice([rng.choice(TEXTS), rng.randint(-99, 10**6), rng.randint(0, 999) / 8, True, False, None])


@pytest.mark.parametrize("seed", range(10))
def test_what_json_can_say_is_read_alike_from_yaml(seed: int) -> None:
    """Any value comes back from JSON and from YAML; a text with a piece missing or added is read or refused."""
    rng = random.Random(seed)  # noqa: S311
    for _ in range(30):
        said = value(rng)
        for text in (json.dumps(said), yaml.safe_dump(said, allow_unicode=True)):
            assert from_yaml(text) == said, text
            at = rng.randint(0, len(text))
            damaged = text[:at] + rng.choice(DAMAGE) + text[at + rng.randint(0, 2) :]
            with suppress(YamlRefused):
                from_yaml(damaged)


def test_keys_are_texts_as_in_json() -> None:
    """`on:` and `1:` are the keys "on" and "1"."""
    assert from_yaml("on: a\n1: b\nnull: c") == {"on": "a", "1": "b", "null": "c"}


def test_aliases_stand_for_their_value() -> None:
    """A list may be named once and used again."""
    assert from_yaml("a: &tools [Edit]\nb: *tools\nc: &t x\nd: *t") == {
        "a": ["Edit"],
        "b": ["Edit"],
        "c": "x",
        "d": "x",
    }


def test_merge_keys_fill_in_what_is_missing() -> None:
    """`<<` gives defaults: own fields win, then the earlier of several."""
    text = "- &a {x: 1, y: 1}\n- &b {y: 2, z: 2}\n- {<<: [*a, *b], x: 3}\n- {<<: *b}"
    assert from_yaml(text)[2:] == [{"x": 3, "y": 1, "z": 2}, {"y": 2, "z": 2}]


@pytest.mark.parametrize(("opening", "ending"), [("[", "]"), ("{a: ", "}"), ("- ", "")])
def test_yaml_nested_too_deeply_is_refused(opening: str, ending: str) -> None:
    """No crash, however deep."""
    with pytest.raises(YamlRefused, match="line 1: nested too deeply"):
        from_yaml(opening * 100_000 + ending * 100_000)


def test_it_works_without_the_c_parser_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where PyYAML was built without libyaml its own parser gives the same."""
    text = "nodes:\n  - {id: a, title: 作業}\n  - id: b\n    dependencies: &d [a]\n"
    fast = Dag.from_text(text, name="tasks.yaml")
    monkeypatch.setattr(yaml_loader, "_LOADER", yaml.SafeLoader)
    assert Dag.from_text(text, name="tasks.yaml") == fast
