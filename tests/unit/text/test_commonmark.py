from __future__ import annotations

import random
import re

import pytest

from miyabi.text import commonmark


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a `code\nmore code` b", ["a `", "` b"]),
        ("\\`no code\\`", ["\\`no code\\`"]),
        ("it's `half\n\na `code` b", ["it's `half", "", "a ` b"]),
        ("| a ` b | c ` d |\n|---|---|", ["| a ` b | c ` d |", "|---|---|"]),
        ("| `a\\|b` | c |\n|---|---|", ["| ` | c |", "|---|---|"]),
        ("- a\n\n      code", ["- a", ""]),
        ("- a\n\n    b", ["- a", "", "    b"]),
        ("text\n    goes on", ["text", "    goes on"]),
        ("    code\ntext", ["text"]),
        ("- ```\n  code\n\ntext", ["text"]),
        ("    ```\ntext", ["text"]),
        ("> quote\n```\ncode\n```\ntext", ["text"]),
        ("> quote\n---\ntext", ["---", "text"]),
        ("> quote\nlazy\n\ntext", ["", "text"]),
        ("a <!-- opens nothing\n\nb", ["a <!-- opens nothing", "", "b"]),
        ("a\n<!-- hidden\n\nhidden -->\nb", ["a", "b"]),
        ("<div>\n<!-- hidden\n\nhidden -->\n\n<p>hidden --> text</p>", ["<div>", " text</p>"]),
        ("\u00a0\ntext `code`", ["\u00a0", "text `"]),
        ("1. a\r\n   b\r\n", ["1. a", "   b", ""]),
    ],
)
def test_what_somebody_says_himself(text: str, said: list[str]) -> None:
    """Code, quotes and comments begin and end where CommonMark says, in lists, tables and over several lines too."""
    assert commonmark.lines(text) == said


def test_quotes_without_their_marks() -> None:
    """What is quoted is read like what is not, and each line is known as it was written."""
    text = "> a\nlazy\n>\n> - b <!-- x -->\n> <!-- y -->\n>> `c` > d\n\n> ```\n> code\n---"
    assert commonmark.quoted_lines(text) == [
        ("a", "> a"),
        ("lazy", "lazy"),
        ("", ">"),
        ("- b ", "> - b <!-- x -->"),
        ("` > d", ">> `c` > d"),
        ("", ""),
        ("---", "---"),
    ]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a `<!-- kept -->` <!-- b ` --> c `", "a `<!-- kept -->`  c `"),
        ("- <!-- a\n  b -->\n  c", "- \n  c"),
        ("> ```\n> <!-- kept -->\n> ```\n> <!-- b -->", "> ```\n> <!-- kept -->\n> ```"),
        ("a\n\n    <!-- kept -->\n\nb <!-- c -->", "a\n\n    <!-- kept -->\n\nb "),
        ("| a |\n|---|\n| \\| <!-- b --> | <!-- c --> |", "| a |\n|---|\n| \\|  | "),
        (f"{'> ' * 200}a <!-- b -->", f"{'> ' * 200}a "),
        ("<div>\n<!-- b\n\n```\nhidden\n```\n\nhidden -->\n\n<p>--></p>", "<div>\n</p>"),
    ],
)
def test_comments_go_and_code_stays(text: str, seen: str) -> None:
    """A reader sees comments in code, and no other ones, however deep or far they are put."""
    assert commonmark.without_comments(text) == seen


PARTS = [
    *(
        "`",
        "``",
        "\\",
        "<",
        "!--",
        "-->",
        "-",
        ">",
        "a",
        "b",
        " ",
        "    ",
        "\n",
        "\n",
        "\n",
        "|",
        "#",
        "*",
        "_",
        "[",
        "]",
    ),
    *(
        "&amp;",
        "(",
        ")",
        "~~~",
        "```",
        "\t",
        "1.",
        "1)",
        "+",
        "\u2028",
        "é",
        "\ud800",
        "<b>",
        "<div>",
        "<pre>",
        "<?",
        "?>",
    ),
    *("---", "===", "|-|", "\\|", "\x0b", "\x0c", "\x85", "\u00a0", "<a href='x'>", "<!D", "]]>"),
]


@pytest.mark.parametrize("seed", range(10))
def test_nothing_else_is_lost(seed: int) -> None:
    """A text in which no comment begins is seen as it was written, to the byte."""
    rng = random.Random(seed)  # noqa: S311
    for _ in range(50):
        text = "".join(rng.choice(PARTS) for _ in range(rng.randint(1, 60))).replace("<!--", "")
        assert commonmark.without_comments(text) == text


@pytest.mark.parametrize("seed", range(10))
def test_a_text_without_signs_of_code_hides_nothing(seed: int) -> None:
    """Such a text is not parsed: nor would the parser hide any of it, shown by code in a paragraph behind it."""
    rng, signs = random.Random(seed), re.compile("[`~<>\t]")  # noqa: S311
    harmless = [part for part in PARTS if not signs.search(part)]
    for _ in range(30):
        text = re.sub(" {4,}", "   ", "".join(rng.choice(harmless) for _ in range(rng.randint(1, 30))))
        parsed = commonmark.lines(f"{text}\n\n---\n\n`x`")[: len(commonmark.lines(text))]
        assert commonmark.lines(text) == parsed
