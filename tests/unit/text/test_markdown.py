from __future__ import annotations

from collections.abc import Callable

import pytest
from markdown_it import MarkdownIt

from miyabi.text import github_markdown
from miyabi.text.markdown import block, command, escape, quotation
from miyabi.text.templates import markdown_environment
from tests.support.values.pull_requests import CLOSING, MENTION, REFERENCE, rendered

TEXTS = (
    "plain words, with commas. And dots!",
    "a|b||c",
    "back\\slash \\| and \\`",
    "`code` ``more``",
    "<b>html</b> & &lt; &#35; <!-- x -->",
    "*a* **b** _c_ __d__ ~~e~~ snake_case_name",
    "[link](http://x) ![image](y) [ref]",
    "# heading",
    "- item",
    "1. item",
    "12) item",
    "+ item",
    "=====",
    "$a$ $$b$$",
    "日本語 🎉 👩‍👩‍👧",
    "git merge miyabi/r1/_integration",
    "MIYABI_RUNS__BASE=main _private and a_ __init__.py",
    "_a *b_ c* _ d_",
    "~/.ssh/_config > a\\b `",
    "``` `` `",
    "",
)


def shown(markdown: str) -> list[str]:
    """The texts that a reader sees; fails where there is any markup but code and tables."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown)
    inline = [token for token in tokens if token.type == "inline"]
    kinds = {child.type for token in inline for child in token.children or ()}
    assert kinds <= {"text", "text_special", "code_inline"}
    assert {t.type for t in tokens} <= {"inline", "paragraph_open", "paragraph_close"} or "table_open" in {
        t.type for t in tokens
    }
    return ["".join(child.content for child in token.children or ()) for token in inline]


@pytest.mark.parametrize("text", TEXTS)
def test_a_paragraph_shows_the_text(text: str) -> None:
    """An escaped text alone in a paragraph is read as just that text."""
    assert "".join(shown(escape(text))) == text


TABLE = "| A | B | C |\n| --- | --- | --- |\n| {{ text }} | {{ text | code }} | end |\n"


def table(text: str) -> str:
    """A table whose cells have that text, as words and as code."""
    return markdown_environment().from_string(TABLE).render(text=text)


@pytest.mark.parametrize("text", TEXTS)
def test_a_cell_shows_the_text(text: str) -> None:
    """A text that a template has in a table, as it is or as code, is one cell with just that text."""
    assert shown(table(text)) == ["A", "B", "C", text, text, "end"]


def test_mentions_mention_nobody() -> None:
    """An @name is broken by a character that nobody sees, so that no one is notified."""
    assert shown(escape("thanks @octocat and me@example.org")) == ["thanks @\u200boctocat and me@\u200bexample.org"]


def test_lines_and_controls_become_blanks() -> None:
    """Line breaks, tabs and terminal escapes do not get through."""
    assert escape("a\n\tb\x1b[31mc\x00") == "a bc"


def test_long_texts_are_cut() -> None:
    """A text over the limit ends with an ellipsis."""
    assert escape("x" * 100, limit=10) == "x" * 9 + "…"


@pytest.mark.parametrize(
    "text", ["git merge miyabi/r1/_integration", "MIYABI_RUNS__BASE=main miyabi check", "export _X=1 MIYABI__A__B=2"]
)
def test_names_with_underscores_stay_whole(text: str) -> None:
    """Underscores that cannot be markup are themselves in the source too, so that a command can be copied there."""
    assert "&#95;" not in escape(text)


@pytest.mark.parametrize(
    "words", ["miyabi orchestrate --run _r1_ __x__", "git log a..b -- *_ _*", "ssh -F ~/c <h> #1 & $X"]
)
def test_a_command_in_a_sentence_is_code(words: str) -> None:
    """A command between backticks stays as it is, while what is around it is plain."""
    text = f"it *ends*. Run `{words}` _there_, and `not this`"
    assert f"`{words}`" in escape(text)
    assert shown(escape(text)) == [text.replace(f"`{words}`", words)]
    assert shown(table(text))[3] == text.replace(f"`{words}`", words)


@pytest.mark.parametrize(
    "text", [text for text in TEXTS if text] + ["a | b", "`", "x `y` ``z", "FOO=_x make | tee _log_"]
)
def test_a_command_is_code_whatever_it_holds(text: str) -> None:
    """Pipes, backticks and underscores of a command are in its source as they are."""
    assert text in command(text)
    assert shown(f"- run {command(text)}\n".removeprefix("- ")) == [f"run {text}"]


FENCES = [
    "",
    "plain",
    "```",
    "````\n~~~~\n```text\n</details>\n`",
    "    ```\n\n# x",
    "> ```\n- ```",
    "`" * 50,
    "|a|\n|-|\n|b|",
]


@pytest.mark.parametrize("text", FENCES)
def test_a_block_holds_its_text(text: str) -> None:
    """Whatever stands in a block is all of one block of code, and what comes after it is not."""
    tokens = MarkdownIt("commonmark").parse(f"{block(text)}\nend")
    assert [token.type for token in tokens] == ["fence", "paragraph_open", "inline", "paragraph_close"]
    assert tokens[0].content.removesuffix("\n") == text


@pytest.mark.parametrize("quoted", [quotation, github_markdown.quotation])
def test_a_quotation_holds_its_text(quoted: Callable[[str], str]) -> None:
    """Each line of a quotation is a line of plain words, and what comes after it is no part of it."""
    lines = [text for text in (*TEXTS, *"\n".join(FENCES).split("\n")) if text.strip()]
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(f"{quoted(chr(10).join(lines))}\nend")
    kinds = [token.type for token in tokens]
    assert kinds[:3] == ["blockquote_open", "paragraph_open", "inline"]
    assert kinds[3:] == ["paragraph_close", "blockquote_close", "paragraph_open", "inline", "paragraph_close"]
    children = tokens[2].children or []
    assert {child.type for child in children} <= {"text", "text_special", "code_inline", "hardbreak"}
    words = "".join(child.content or "\n" for child in children).replace(github_markdown.NOTHING, "")
    assert words.split("\n") == [" ".join(line.split()) for line in lines]


def test_a_quotation_of_nothing() -> None:
    """Where nothing was said nothing is quoted; an empty line between two stays one."""
    assert quotation(" \n\n") == ""
    assert quotation("a\n\n  b\n") == "> a  \n>\n> b  \n"


def test_a_quotation_at_github_does_nothing() -> None:
    """What a session says there closes no issue, refers to none, mentions nobody and gives away no key."""
    said = rendered(github_markdown.quotation("Closes #1 by @octocat\nGH-2 token=" + "a1" * 10))
    assert not any(active.search(said) for active in (CLOSING, REFERENCE, MENTION))
    assert "a1a1" not in said
