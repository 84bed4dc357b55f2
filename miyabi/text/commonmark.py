"""Which lines of a Markdown text somebody says himself: not code, not a quote, not an HTML comment.

Where blocks, code and raw HTML begin and end is markdown-it-py's to say; all else of a line stays as it was written.
The library is imported with the first text: the door of this package opens without site-packages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_BLOCKS = ("blockquote", "code", "fence", "heading", "hr", "html_block", "lheading", "list", "table")
_INLINES = ("backticks", "escape", "html_inline")
_DEEPEST = 100
_CUT = "\0"  # stands for what is taken out of a line: Markdown has no such character
_COMMENT = re.compile(r"<!--(?:-?>|.*?(?:-->|\Z))", re.DOTALL)  # "<!-->", "<!--->" are whole: CommonMark 0.31.2, 6.6
_SPAN = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)|\\\n[ \t]*", re.DOTALL)
_MAY_HIDE = re.compile(r"[`~<>\t]| {4}")  # a text without any of it has no code, no quote and no comment
_QUOTE_MARKS = "> \t"
_QUOTE_MARK = re.compile(r">[ \t]?")


def lines(text: str) -> list[str]:
    """Returns the lines that count, in order, without what is hidden or code in them; blank lines stay."""
    return [line.shown for line in _read(text, keep_code=False) if line.shown is not None and not line.is_quoted]


def quoted_lines(text: str) -> list[tuple[str, str]]:
    """Returns the lines that count where quotes count too.

    Returns:
        Pairs, in order: the line without the marks of quotes, and as it was written.
    """
    found = _read(text, keep_code=False)
    return [(line.unquoted(line.shown), line.written) for line in found if line.shown is not None]


def without_comments(text: str) -> str:
    """Returns the text as a reader on GitHub sees it: no HTML comments, but for those in code."""
    return "\n".join(line.shown for line in _read(text, keep_code=True) if line.shown is not None)


def to_html(text: str) -> str:
    """Renders Markdown of ours as HTML. Raw HTML in it is shown as text, and no image or script is loaded by it."""
    from markdown_it import MarkdownIt  # noqa: PLC0415 - see the module docstring

    return str(MarkdownIt("commonmark", {"html": False, "maxNesting": _DEEPEST}).disable("image").render(text))


@dataclass(slots=True)
class _Line:
    """A line as it was written, and what is shown of it, None for nothing; its words stand from `begin` to `end`."""

    written: str
    shown: str | None = None
    begin: int = 0
    end: int = 0
    is_quoted: bool = False

    def place(self, content: str, shown: str) -> None:
        """Shows this content of it that way; the cells of a row come one after the other."""
        line = self.written if self.shown is None else self.shown
        written = content if content in line[self.end :] else content.replace("|", r"\|")
        at = max(line.find(written, self.end), self.end)
        self.begin = at if self.shown is None else self.begin
        placed = written if shown == content else shown
        self.shown, self.end = line[:at] + placed + line[at + len(written) :], at + len(placed)

    def close(self) -> None:
        """Takes out what is cut. A line that had nothing else is not shown, nor is a comment in a cell too many."""
        if self.shown is None:
            return
        shown = self.shown[: self.end] + self.shown[self.end :].partition("<!--")[0]
        kept = shown.replace(_CUT, "")
        self.shown = kept if kept.lstrip(_QUOTE_MARKS) or kept == shown else None

    def unquoted(self, shown: str) -> str:
        """The line without the marks of quotes before its words."""
        return _QUOTE_MARK.sub("", shown[: self.begin]) + shown[self.begin :] if self.is_quoted else shown


def _read(text: str, *, keep_code: bool) -> list[_Line]:
    """The text's lines, each with what is shown of it."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n").replace(_CUT, "\ufffd")
    if not _MAY_HIDE.search(plain):
        return [_Line(line, shown=line) for line in plain.split("\n")]
    reader = _Reader([_Line(line) for line in plain.split("\n")], keep_code=keep_code)
    reader.read(_parser().parse(plain))
    return reader.lines


@cache
def _parser() -> MarkdownIt:
    """Blocks as GitHub has them, and inline only what may hide words: code and raw HTML, and escapes of both."""
    from markdown_it import MarkdownIt  # noqa: PLC0415 - see the module docstring

    parser = MarkdownIt("zero", {"html": True, "maxNesting": _DEEPEST})
    return parser.enable([*_BLOCKS, *_INLINES]).disable("text_join")


@dataclass(slots=True)
class _Reader:
    """Goes through a text's tokens and writes into its lines what is shown of them; `done` of them are written."""

    lines: list[_Line]
    keep_code: bool
    in_comment: bool = False
    done: int = 0

    def read(self, tokens: Iterable[Token]) -> None:
        """Takes the tokens of the whole text."""
        for token in tokens:
            match token.type:
                case "blockquote_open":
                    for line in self.lines[slice(*token.map or ())]:
                        line.is_quoted = True
                case "fence" | "code_block":
                    self._code_block(token)
                case "inline" | "html_block":
                    self._words(token)
        self._marks(len(self.lines))
        for line in self.lines:
            line.close()

    def _code_block(self, token: Token) -> None:
        first, end = token.map or (0, 0)
        self._marks(first)
        for line in self.lines[first:end] if self.keep_code and not self.in_comment else ():
            line.shown, line.end = line.written, len(line.written)
        self.done = end

    def _words(self, token: Token) -> None:
        first, end = token.map or (0, 0)
        content = token.content.split("\n")
        while len(content) < end - first and content[0] not in self.lines[first].written:
            first += 1  # a paragraph's first line that has only blanks wider than Markdown's own
        self._marks(first)
        shown = self._html(token.content) if token.type == "html_block" else "".join(self._pieces(token))
        for line, old, new in zip(self.lines[first:end], content, shown.split("\n"), strict=False):
            line.place(old.strip(), new.strip())
        self.done = min(end, first + len(content))

    def _marks(self, end: int) -> None:
        """Shows the lines before `end` in which no token has words: blank ones, rules, marks of lists and quotes."""
        for line in self.lines[self.done : end]:
            line.begin = len(line.written) - len(line.written.lstrip(_QUOTE_MARKS))
            line.shown = self._html(line.written)
            line.end = len(line.shown)
        self.done = max(self.done, end)

    def _pieces(self, token: Token) -> Iterator[str]:
        """What is shown of a paragraph, heading or cell, piece by piece."""
        at = 0
        for piece in token.children or ():
            source = _source(piece, token.content, at)
            at += len(source)
            if piece.type == "html_inline" and (self.in_comment or source.startswith("<!--")):
                yield self._html(source)
            elif self.in_comment:
                yield _each_line(source, _CUT)
            else:
                yield _each_line(source, "`") if piece.type == "code_inline" and not self.keep_code else source

    def _html(self, source: str) -> str:
        """Raw HTML without comments; one that does not end goes on in the raw HTML that follows, as in a browser."""
        hidden = ""
        if self.in_comment:
            hidden, end, source = source.partition("-->")
            hidden = _each_line(hidden, _CUT)
            self.in_comment = not end
        return hidden + _COMMENT.sub(self._comment, source)

    def _comment(self, match: re.Match[str]) -> str:
        self.in_comment = not match[0].endswith("-->")
        return _each_line(match[0], _CUT)


def _source(piece: Token, content: str, at: int) -> str:
    """A piece of inline Markdown as it was written, from this place of the content on."""
    match piece.type:
        case "code_inline" | "hardbreak":
            span = _SPAN.match(content, at)
            return span[0] if span else piece.content
        case "text_special":
            return piece.markup
        case _:
            return piece.content


def _each_line(source: str, shown: str) -> str:
    return "\n".join(shown for _ in source.split("\n"))
