from __future__ import annotations

import pytest

from miyabi.text import clean, one_line, shorten, whole


def test_lone_surrogate() -> None:
    """Half a character, which JSON may carry, becomes one that can be written as UTF-8."""
    assert whole("a\ud83db").encode() == b"a?b"
    assert whole("🎉 日本") == "🎉 日本"


def test_clean() -> None:
    """Terminal escapes, controls and direction overrides go; line breaks, tabs and emoji stay."""
    assert clean("\x1b[31mred\x1b[0m\x00\r\n\ttab\x1b[?25h \u202egnp.exe 👩‍💻") == "red\n\ttab gnp.exe 👩‍💻"


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
