"""Lines of issues by the grammar of what is understood, thousands at random."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from miyabi.milestones.dependency_lines import DependencyLines, dependency_lines
from miyabi.milestones.references import RepositoryContext
from tests.support.values.milestones import REPOSITORY_URL

HERE = RepositoryContext.of(f"{REPOSITORY_URL}/milestone/3")
BEFORE = [
    "",
    "",
    "- ",
    "* [ ] ",
    "1. ",
    "> ",
    "> - ",
    "**Note:** ",
    "\u26d4 ",
    ":warning: ",
    "This issue is ",
    "Currently ",
]
PHRASES = ["Depends on", "depends upon", "Blocked by", "BLOCKED ON", "Requires", "Needs", "Waits for", "depends-on"]
AROUND = ["{}", "{}", "**{}**", "_{}_", "__{}__", "***{}***", "<b>{}</b>"]
AFTER = ["", ":", " :", "\uff1a", "\uff1a ", ": "]
REFERENCES = [
    "#{}", "#{}", "(#{})", "[#{}]", "GH-{}", "issue #{}", "PR #{}", "acme/app#{}", "**#{}**", "_#{}_",
    "the parser (#{})",
    f"{REPOSITORY_URL}/issues/{{}}", f"<{REPOSITORY_URL}/issues/{{}}>", f"[the API]({REPOSITORY_URL}/issues/{{}})",
    f"[#{{}}]({REPOSITORY_URL}/pull/{{}})",
    "\uff03{}", "#{} (the lexer)", f"<a href='{REPOSITORY_URL}/issues/{{}}'>x</a>",
]  # fmt: skip
BETWEEN = [
    ", ",
    " and ",
    ", and ",
    " & ",
    "; ",
    " / ",
    " -> ",
    " \u2192 ",
    " + ",
    "\u3001",
    " or ",
    " as well as ",
    " plus ",
]
ENDS = ["", "", ".", " ", " first", ", because they change the API", " \u2705"]
NOISE = ["see", "the", "schema and", "FEAT-7", "(", ")", "[", "]", "`", "*", "->", "-", "\u2026", "not", "|", "closes"]
BREAKS = ["\n", "\n  ", "\n- ", "\n  * ", "\n> "]


def read(text: str) -> DependencyLines:
    """What a text of an issue in this repository waits for."""
    return dependency_lines(text, context=HERE)


def numbers(text: str) -> list[int]:
    """The numbers that a text waits for, in order."""
    return [each.number for each in read(text).references]


def opened(rng: random.Random) -> str:
    """An opening by the grammar of what is understood."""
    return rng.choice(BEFORE) + rng.choice(AROUND).format(rng.choice(PHRASES)) + rng.choice(AFTER)


def named(rng: random.Random) -> dict[int, str]:
    """Some numbers, each with a reference to it."""
    return {
        each: rng.choice(REFERENCES).replace("{}", str(each)) for each in rng.sample(range(1, 400), rng.randint(1, 4))
    }


def joined(rng: random.Random, references: Iterable[str]) -> list[str]:
    """The references with something between each two."""
    return [part for each in references for part in (each, rng.choice(BETWEEN))][:-1]


def written(rng: random.Random, references: Iterable[str]) -> str:
    """A sentence, list, section or table that says that these are waited for."""
    shape = rng.random()
    if shape < 0.15:
        mark = rng.choice(["- ", "* ", "- [x] ", "  - "])
        head = rng.choice(["## Dependencies\n", "Depends on:", "**Blocked by**"])
        return "\n".join([head, *(mark + each for each in references)])
    if shape < 0.25:
        return f"| {rng.choice(PHRASES)} | {' , '.join(references)} |\n| --- | --- |"
    return f"{opened(rng)} {''.join(joined(rng, references))}{rng.choice(ENDS)}"


@pytest.mark.parametrize("seed", range(40))
def test_lines_of_the_grammar_are_understood(seed: int) -> None:
    """Whatever way of opening, marking, naming and joining is combined, the very issues are found."""
    rng = random.Random(seed)  # noqa: S311
    for _ in range(100):
        wanted = named(rng)
        text = written(rng, wanted.values())
        assert (numbers(text), read(text).unclear) == ([*wanted], ()), text


@pytest.mark.parametrize("seed", range(40))
def test_no_line_is_dropped_in_silence(seed: int) -> None:
    """A line of the grammar with anything put in between its parts names all its issues, or is quoted."""
    rng = random.Random(seed)  # noqa: S311
    for _ in range(100):
        wanted = named(rng)
        parts = joined(rng, wanted.values())
        for noise in rng.sample(NOISE, rng.randint(1, 3)) if rng.random() < 0.7 else [rng.choice(BREAKS)]:
            parts.insert(rng.randint(1, len(parts)), f" {noise} ")
        text = f"{opened(rng)} {''.join(parts)}{rng.choice(ENDS)}"
        found = read(text)
        assert found.unclear or set(wanted) <= {each.number for each in found.references}, text
