"""Which lines of a Markdown text somebody says himself: not code, not a quote, not an HTML comment. Linear time."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FENCE = re.compile(r"\s*(?:(?:[-*+]|[0-9]{1,9}[.)])\s+)*(`{3,}(?=[^`]*$)|~{3,})")
_HIDDEN = re.compile(r"(?<!`)(`+)(?!`)(?:.{0,500}?[^`])?\1(?!`)|<!--.*?(?:-->|$)")
_ITEM = re.compile(r"\s*(?:[-*+]|[0-9]{1,9}[.)])\s")
_QUOTE = re.compile(r"\s*(?:(?:[-*+]|[0-9]{1,9}[.)])\s+)*>")
_QUOTE_MARK = re.compile(r"(\s*(?:(?:[-*+]|[0-9]{1,9}[.)])\s+)*)>[ \t]?")
_BLOCK = re.compile(r"\s*(?:#{1,6}\s|[-*+]\s|[0-9]{1,9}[.)]\s|<)")
_INDENTED = re.compile(r" {0,3}\t| {4}")


def lines(text: str) -> list[str]:
    """The lines that count, in order, without what is hidden or code in them; blank lines stay."""
    reader = _Reader()
    found = (reader.said(line) for line in _split(text))
    return [line for line in found if line is not None]


def quoted_lines(text: str) -> list[tuple[str, str]]:
    """The lines that count where quotes count too, without their marks; each with the line as it was written."""
    reader, found = _Reader(), []
    for line in _split(text):
        inner = line
        while match := _QUOTE_MARK.match(inner):
            inner = match[1] + inner[match.end() :]
        shown = reader.said_in(inner, is_quoted=inner is not line)
        if shown is not None:
            found.append((shown, line))
    return found


def _split(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def without_comments(text: str) -> str:
    """The text as a reader on GitHub sees it: no HTML comments, but for those in code."""
    reader = _Reader()
    return "\n".join(line for raw in text.split("\n") if (line := reader.visible(raw)) is not None)


@dataclass(slots=True)
class _Reader:
    """Goes through a text line by line and remembers what it is in."""

    fence: str = ""
    in_comment: bool = False
    in_quote: bool = False
    in_list: bool = False
    after_blank: bool = True

    def said(self, line: str) -> str | None:
        """The line, without comments and code; None where it does not count."""
        if self._is_fenced(line):
            return None
        shown = self._shown(line, keep_code=False)
        if shown is None or self._is_quoted(shown) or self._is_indented(shown):
            return None
        self._look_for_list(shown)
        return shown

    def said_in(self, line: str, *, is_quoted: bool) -> str | None:
        """The line, which may be of a quote, without its marks: code that begins in a quote ends with it."""
        if self.in_quote and not is_quoted:
            self.fence = ""
        self.in_quote = False
        shown = self.said(line)
        self.in_quote = is_quoted
        return shown

    def visible(self, line: str) -> str | None:
        """The line without comments; None where nothing else was on it."""
        return line if self._is_fenced(line) else self._shown(line, keep_code=True)

    def _is_fenced(self, line: str) -> bool:
        if self.in_comment:
            return False
        if self.fence:
            rest = line.strip()
            if len(rest) >= len(self.fence) and not rest.strip(self.fence[0]):
                self.fence = ""
            return True
        opening = _FENCE.match(line)
        self.fence = opening.group(1) if opening and not _QUOTE.match(line) else ""
        return bool(self.fence)

    def _shown(self, line: str, *, keep_code: bool) -> str | None:
        was_hidden = self.in_comment
        if was_hidden:
            _, end, line = line.partition("-->")
            self.in_comment = not end
            if not end:
                return None
        shown = _HIDDEN.sub(lambda match: self._hidden(match, keep_code=keep_code), line)
        return shown if shown.strip() or not (was_hidden or line.strip()) else None

    def _hidden(self, match: re.Match[str], *, keep_code: bool) -> str:
        if match.group(1):
            return match.group() if keep_code else "`"
        self.in_comment = not match.group().endswith("-->")
        return ""

    def _is_quoted(self, line: str) -> bool:
        if _QUOTE.match(line):
            self.in_quote = True
        elif not line.strip() or _BLOCK.match(line):
            self.in_quote = False
        return self.in_quote

    def _is_indented(self, line: str) -> bool:
        is_code = self.after_blank and not self.in_list and bool(_INDENTED.match(line)) and bool(line.strip())
        self.after_blank = is_code or not line.strip()
        return is_code

    def _look_for_list(self, line: str) -> None:
        if _ITEM.match(line):
            self.in_list = True
        elif line.strip() and not line[0].isspace():
            self.in_list = False
