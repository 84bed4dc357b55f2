"""The lines of an issue's text that say what it waits for, and those of them that are not understood. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from miyabi.milestones import dependency_words
from miyabi.milestones.dependency_text import PlainLine
from miyabi.milestones.references import Reference, RepositoryContext
from miyabi.text import commonmark, one_line

_LINE_CHARACTERS = 120


@dataclass(frozen=True, slots=True)
class DependencyLines:
    """What a text waits for, each once, in order; `unclear` quotes each line that could not be read to its end."""

    references: tuple[Reference, ...] = ()
    unclear: tuple[str, ...] = ()


def dependency_lines(text: str, *, context: RepositoryContext) -> DependencyLines:
    """Reads in an issue's text what the issue waits for.

    That are lines which begin with words such as `Depends on`, `Blocked by` or `Requires`, as a sentence, list item,
    task, heading or cell of a table, and the list or lines below where they end with such words, or below a heading
    such as `Dependencies`. A box that is ticked says nothing: the issue's own state does. Code and HTML comments do not
    count, nor does what is struck out.
    """
    reader = _Reader(context=context)
    for shown, raw in commonmark.quoted_lines(text):
        reader.read(PlainLine.of(shown, context=context), raw)
    reader.close()
    return DependencyLines(tuple(reader.found), tuple(dict.fromkeys(reader.unclear)))


def dependencies(text: str, *, context: RepositoryContext) -> tuple[Reference, ...]:
    """Reads the issues that the text waits for, each once, in order, as far as it is understood."""
    return dependency_lines(text, context=context).references


@dataclass(frozen=True, slots=True)
class _BlockLine:
    """A line of a block. `is_entry` where an issue is expected, so that words beside a reference are its title."""

    line: PlainLine
    raw: str
    is_entry: bool


@dataclass(slots=True)
class _Block:
    """An opening whose issues stand, or may go on, in the lines below it. `heading` is its level, 0 for none."""

    heading: int
    is_strong: bool
    has_named: bool = False  # the opening's own line names issues
    opener: tuple[PlainLine, str] | None = None
    has_inner: bool = False  # an opening among the lines names issues
    goes_on: bool = False  # the line before ends with a comma or the like
    is_apart: bool = False  # a blank line came before
    lines: list[_BlockLine] = field(default_factory=list)

    @property
    def indent(self) -> int:
        """How far its first item is indented; what is indented more is a detail."""
        return next((each.line.indent for each in self.lines if each.line.is_item), 0)

    def add(self, line: PlainLine, raw: str) -> None:
        """Takes the line in."""
        is_item = (line.is_item or line.is_table) and not self.has_named
        is_entry = is_item or _goes_on(line) or self.goes_on
        self.lines.append(_BlockLine(line, raw, is_entry=is_entry or bool(self.heading) or not self.lines))
        self.is_apart, self.goes_on = False, dependency_words.ends_open(line.text)

    def takes(self, line: PlainLine) -> bool:
        """Whether the line belongs to it."""
        if self.heading:
            return not line.heading or line.heading > self.heading
        if line.heading or (dependency_words.OTHER_LABEL.match(line.text) and not line.is_item):
            return False
        if self.has_named:
            return self.goes_on or _goes_on(line) or self._may_list(line)
        return self._takes_below(line)

    def _may_list(self, line: PlainLine) -> bool:
        """Whether the line, right below an opening that names an issue, may be an item of its list."""
        opener = self.opener[0] if self.opener else line
        return line.is_item and bool(line.references) and (not opener.is_item or line.indent > opener.indent)

    def _takes_below(self, line: PlainLine) -> bool:
        """Whether a line below an opening that names nothing itself belongs to it."""
        if line.is_item or line.indent > 0 or line.is_table or _goes_on(line):
            return True
        if not self.lines:
            return bool(line.references) or not self.is_apart
        return not self.is_apart and not line.text.endswith(":")


@dataclass(slots=True)
class _Reader:
    """Goes through a text's lines and keeps what they name."""

    context: RepositoryContext
    found: dict[Reference, None] = field(default_factory=dict)
    unclear: list[str] = field(default_factory=list)
    block: _Block | None = None
    table: list[tuple[PlainLine, str]] = field(default_factory=list)

    def read(self, line: PlainLine, raw: str) -> None:
        """Takes the next line."""
        if not line.rest and not line.is_rule:
            self._blank()
        elif line.is_table and not self.block:
            self.table.append((line, raw))
        elif not line.is_rule:
            self._read_table()
            self._read_line(line, raw)

    def close(self) -> None:
        """Ends what is open."""
        self._read_table()
        self._close_block()

    def _blank(self) -> None:
        self._read_table()
        if self.block and self.block.has_named:
            self._close_block()
        elif self.block:
            self.block.is_apart = True

    def _read_line(self, line: PlainLine, raw: str) -> None:
        if line.heading and dependency_words.is_title(line.text):
            self._close_block()
            self.block = _Block(
                line.heading, is_strong=any(each.is_strong for each in dependency_words.openings(line.text))
            )
            return
        is_taken = self.block is not None and self.block.takes(line)
        opened = [each for each in dependency_words.openings(line.text) if each.is_meant or each.is_empty]
        if self.block and is_taken and (self.block.heading or (line.is_item and not self.block.has_named)):
            self._read_entry(self.block, line, raw, opened)
        elif opened:
            self._close_block()
            self._open(line, raw, opened)
        elif self.block and is_taken:
            self.block.add(line, raw)
        else:
            self._close_block()

    def _read_entry(self, block: _Block, line: PlainLine, raw: str, opened: Sequence[dependency_words.Opening]) -> None:
        """Reads a line of a list or section, which may say once more that it is one."""
        if any(not each.is_empty for each in opened):
            block.has_inner = self._read_openings(line, raw, opened) or block.has_inner
        elif not opened:
            block.add(line, raw)

    def _open(self, line: PlainLine, raw: str, opened: Sequence[dependency_words.Opening]) -> None:
        has_named = self._read_openings(line, raw, opened)
        last = opened[-1]
        if last.is_empty or has_named:
            ends_open = dependency_words.ends_open(line.text) and has_named
            self.block = _Block(0, last.is_strong, has_named=not last.is_empty, goes_on=ends_open, opener=(line, raw))

    def _read_openings(self, line: PlainLine, raw: str, opened: Sequence[dependency_words.Opening]) -> bool:
        """Keeps what a line's openings name. Returns whether that is anything."""
        has_named = False
        for opening in opened:
            if opening.is_empty or dependency_words.is_none(opening.rest):
                continue
            named = dependency_words.named(opening.rest)
            self._keep(line, named)
            has_named = has_named or bool(named.marks)
            if not (named.is_clear and opening.is_known):
                self.unclear.append(_quoted(raw))
        return has_named

    def _keep(self, line: PlainLine, named: dependency_words.Named) -> None:
        self.found.update(dict.fromkeys(line.references[mark] for mark in named.marks))

    def _close_block(self) -> None:
        block, self.block = self.block, None
        if block is None:
            return
        has_references = block.has_named or block.has_inner or any(each.line.references for each in block.lines)
        is_read = has_references or any(dependency_words.is_none(each.line.rest) for each in block.lines)
        for each in block.lines:
            if self._is_understood(each, block, has_references=has_references):
                continue
            self.unclear.append(_quoted(each.raw))
            is_read = True
            if not block.heading:
                break
        if block.opener and block.has_named and block.goes_on:
            self.unclear.append(_quoted(block.lines[-1].raw if block.lines else block.opener[1]))
        if block.is_strong and block.lines and not is_read:
            self.unclear.append(_quoted(block.lines[0].raw))

    def _is_understood(self, each: _BlockLine, block: _Block, *, has_references: bool) -> bool:
        """Whether a line of a block is understood; keeps what it names."""
        line = each.line
        if dependency_words.is_none(line.rest) or dependency_words.is_none(line.text):
            return True
        if not line.references:
            is_named = line.is_item and bool(line.text) and line.indent <= block.indent
            is_named = is_named and (block.is_strong or has_references)
            return not is_named and not dependency_words.is_trackable(line.text)
        if dependency_words.OTHER_LABEL.match(line.text) and not line.is_item:
            return True
        if not each.is_entry:
            return False
        named = dependency_words.named(line.text.replace("|", " "), is_item=line.is_item or line.is_table)
        self._keep(line, named)
        return named.is_clear

    def _read_table(self) -> None:
        """Reads a table that has ended: `| Depends on | #1 |`, or a column with such a head."""
        rows, self.table = self.table, []
        columns: dict[int, bool] = {}
        for index, (line, raw) in enumerate(rows):
            cells = line.cells()
            self._read_row(line, raw, cells, columns)
            if index == 0:
                columns |= {column: _is_strong(cell) for column, cell in enumerate(cells) if _is_head(cell)}

    def _read_row(self, line: PlainLine, raw: str, cells: Sequence[str], columns: dict[int, bool]) -> None:
        for named, is_alone in _row(cells, columns):
            self._keep(line, named)
            if not (named.is_clear and is_alone):
                self.unclear.append(_quoted(raw))


def _goes_on(line: PlainLine) -> bool:
    """Whether the line begins with an issue, or with a comma or word that joins it to the line before."""
    return dependency_words.goes_on(line.text) or (bool(line.references) and dependency_words.joins(line.rest))


def _row(cells: Sequence[str], columns: Mapping[int, bool]) -> Iterator[tuple[dependency_words.Named, bool]]:
    """What a row's cells name, and whether that can be of this issue: no other cell names one."""
    head = next((column for column, cell in enumerate(cells) if _is_head(cell)), None)
    if head is not None:
        rest = " , ".join(cell for cell in cells[head + 1 :] if cell)
        if dependency_words.is_trackable(rest):
            yield dependency_words.named(rest), True
        return
    others = [cell for column, cell in enumerate(cells) if column not in columns]
    for column in sorted(columns):
        cell = cells[column] if column < len(cells) else ""
        if dependency_words.is_trackable(cell) or (columns[column] and cell and not dependency_words.is_none(cell)):
            yield dependency_words.named(cell), not any(map(dependency_words.is_trackable, others))
    for cell in others:
        for opening in dependency_words.openings(cell):
            if opening.is_meant and not opening.is_empty:
                named = dependency_words.named(opening.rest)
                yield dependency_words.Named(named.marks, named.is_clear and opening.is_known), True


def _is_head(cell: str) -> bool:
    opened = list(dependency_words.openings(cell))
    return len(opened) == 1 and opened[0].is_empty and opened[0].is_known


def _is_strong(cell: str) -> bool:
    return all(each.is_strong for each in dependency_words.openings(cell))


def _quoted(raw: str) -> str:
    return one_line(raw.strip(), characters=_LINE_CHARACTERS)
