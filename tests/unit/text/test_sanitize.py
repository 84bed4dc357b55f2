from __future__ import annotations

import pytest

from miyabi.text import as_printed, clean, first_lines, last_lines, last_message, one_line, shorten, whole


def test_lone_surrogate() -> None:
    """Half a character, which JSON may carry, becomes one that can be written as UTF-8."""
    assert whole("a\ud83db").encode() == b"a?b"
    assert whole("🎉 日本") == "🎉 日本"


def test_clean() -> None:
    """Terminal escapes, controls and direction overrides go; line breaks, tabs and emoji stay."""
    assert clean("\x1b[31mred\x1b[0m\x00\r\n\ttab\x1b[?25h \u202egnp.exe 👩‍💻") == "red\n\ttab gnp.exe 👩‍💻"


def test_as_printed() -> None:
    """Of a line that was written over the last state stays; line ends of Windows are line ends."""
    printed = "start\r\n 10 %\r 20 %\r\x1b[32m100 %\x1b[0m\nend\r"
    assert as_printed(printed) == "start\n100 %\nend"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", ""),
        ("\none\n\ntwo\n\n", "one\n\ntwo"),
        ("one\ntwo\n\nfour", "one\ntwo…"),
        ("x" * 11, "x" * 9 + "…"),
        ("x" * 10, "x" * 10),
    ],
)
def test_first_lines(text: str, kept: str) -> None:
    """The first lines that are not empty, and no more characters than allowed; the end shows that there is more."""
    assert first_lines(text, lines=3, characters=10) == kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", ""),
        ("one\n  two\n\nfour \n\n", "  two\n\nfour"),
        ("one\ntwo\nsix", "one\ntwo\nsix"),
        ("one\n123456\n1234567\n", "1234567"),
        ("one\n日本語日本\n", "日本語日本"[-4:]),
    ],
)
def test_last_lines(text: str, kept: str) -> None:
    """The last lines, from a line's begin on; one that alone is too long is cut between characters."""
    assert last_lines(text, lines=3, size=13) == kept


@pytest.mark.parametrize("characters", [1, 5, 40, 100])
def test_shorten(characters: int) -> None:
    """No more characters than allowed, and the end shows that something is missing."""
    short = shorten("x" * 1000, characters=characters)
    assert len(short) <= characters
    assert "…" in short
    assert shorten("x" * characters, characters=characters) == "x" * characters


def test_shorten_says_how_many() -> None:
    """Where there is room, the end says how long the text was."""
    assert shorten("x" * 5000, characters=100).endswith("x… (5,000 characters in all)")


def test_one_line() -> None:
    """Line breaks and runs of blanks become one blank each."""
    assert one_line("  git commit \\\n  -m 'x'\t\tdone\n") == "git commit \\ -m 'x' done"
    assert one_line("abcdef", characters=4) == "abc…"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ""),
        ("one\ntwo\n", "two"),
        ("error: no option '--modle'\n(Did you mean --model?)\n", "error: no option '--modle' (Did you mean --model?)"),
        ("warming up\nError: no such model\nDid you mean opus?", "no such model Did you mean opus?"),
        ("miyabi: claude not found: /x; set `claude`\n", "claude not found: /x; set `claude`"),
        ("fatal: bad revision\nhint: fetch it\nhint: or not", "fatal: bad revision hint: fetch it hint: or not"),
        ("loading\ncannot open the file\n    /etc/claude\n  ^~~~", "cannot open the file /etc/claude ^~~~"),
        (
            "x.js:1\nTypeError: no x\n    at f (x.js:1:2)\n    at node:internal/y:2\n\nNode.js v22.1.0",
            "TypeError: no x",
        ),
        ("error[E04]: none\n --> a.rs:1:2\n\nFor more, try it.", "error[E04]: none --> a.rs:1:2 For more, try it."),
        (
            "ruff: error: unrecognized arguments: --x\nusage: ruff",
            "ruff: error: unrecognized arguments: --x usage: ruff",
        ),
        ("error: long ago\n" + "fine\n" * 20 + "killed", "killed"),
        ("    at f (x.js:1:2)", "at f (x.js:1:2)"),
        ("Try again", "Try again"),
    ],
)
def test_what_a_program_said_last(text: str, said: str) -> None:
    """An error of several lines keeps its first, and its hints; what came long before it does not count."""
    assert last_message(text) == said


def test_a_long_last_message_is_shortened() -> None:
    """However long the lines are, it is one of at most so many characters."""
    assert last_message("error: " + "x " * 500 + "\n(y)", characters=40) == f"error: {'x ' * 16}…"
    assert len(last_message("E" * 100_000 + "rror\n" + "(" * 100_000)) <= 300
