"""YAML read as if it were JSON: texts, numbers, true, false, null, lists, objects; nothing else.

PyYAML's own loaders read YAML 1.1, where `no` is false, `1:30` is 90 and `010` is 8: ids would change silently.
So we take its parser's events and give them the meaning that JSON has. That is also safe by construction: no tag
makes an object, nothing recurses, and aliases cannot multiply without end.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import yaml

_DEEPEST = 100
_MOST_BY_ALIAS = 1_000_000
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= dict.fromkeys(("true", "True", "TRUE"), True) | dict.fromkeys(("false", "False", "FALSE"), False)
_CORE = "tag:yaml.org,2002:"
_TAGS = {None, "!", f"{_CORE}str", f"{_CORE}seq", f"{_CORE}map"}
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class YamlRefused(ValueError):  # noqa: N818 - named after what was done, as in miyabi.errors
    """The text is not YAML, or not YAML that JSON could say too."""


@dataclass(slots=True)
class _Open:
    """A list or an object whose end has not come yet; an object's keys and values alternate in `items`."""

    is_object: bool
    anchor: str | None
    size_before: int
    line: int
    items: list[Any] = field(default_factory=list)

    @property
    def wants_key(self) -> bool:
        return self.is_object and len(self.items) % 2 == 0


def from_yaml(text: str) -> Any:
    """Reads what the text holds, as JSON would have it; None for an empty text.

    Raises:
        YamlRefused: with the line; not YAML, two documents, tags, the same key twice, too deep, too many aliases.
    """
    try:
        return _Builder().built(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        tab = "; a tab? YAML is indented with blanks" if "start any token" in str(error.problem) else ""
        raise YamlRefused(f"{where}not YAML: {error.problem}{tab}") from None
    except yaml.YAMLError as error:
        raise YamlRefused(f"not YAML: {str(error).splitlines()[0]}") from None


class _Builder:
    """Events in, one value out."""

    def __init__(self) -> None:
        self._open = [_Open(is_object=False, anchor=None, size_before=0, line=0)]
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._size = 0
        self._by_alias = 0

    def built(self, events: Iterable[yaml.Event]) -> Any:
        """Builds the value that the events of one document make; None of none.

        Raises:
            YamlRefused: what they say is not JSON's.
        """
        for event in events:
            match event:
                case yaml.ScalarEvent():
                    self._scalar(event)
                case yaml.AliasEvent():
                    self._alias(event)
                case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                    self._begin(event)
                case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                    self._end()
                case yaml.DocumentStartEvent() if self._open[0].items:
                    raise _refused(event, "a second document begins; a DAG file is one document")
        return self._open[0].items[0] if self._open[0].items else None

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        _refuse_tag(event)
        is_key = self._open[-1].wants_key
        is_text = is_key or not event.implicit[0] or event.tag is not None
        value = event.value if is_text else _resolved(event)
        self._size += 1
        if event.anchor:
            self._anchors[event.anchor] = (value, 1)
        self._open[-1].items.append(value)

    def _alias(self, event: yaml.AliasEvent) -> None:
        if event.anchor not in self._anchors:
            raise _refused(event, f"*{event.anchor} stands before the end of what &{event.anchor} names")
        value, size = self._anchors[event.anchor]
        self._refuse_as_key(event)
        self._size += size
        self._by_alias += size
        if self._by_alias > _MOST_BY_ALIAS:
            raise _refused(event, "the aliases stand for too many values; write them out")
        self._open[-1].items.append(value)

    def _begin(self, event: yaml.SequenceStartEvent | yaml.MappingStartEvent) -> None:
        _refuse_tag(event)
        self._refuse_as_key(event)
        if len(self._open) > _DEEPEST:
            raise _refused(event, "nested too deeply; a DAG file needs no more than a few levels")
        self._open.append(
            _Open(
                is_object=isinstance(event, yaml.MappingStartEvent),
                anchor=event.anchor,
                size_before=self._size,
                line=_line(event),
            )
        )

    def _end(self) -> None:
        ended = self._open.pop()
        value = _object(ended) if ended.is_object else ended.items
        self._size += 1
        if ended.anchor:
            self._anchors[ended.anchor] = (value, self._size - ended.size_before)
        self._open[-1].items.append(value)

    def _refuse_as_key(self, event: yaml.Event) -> None:
        if self._open[-1].wants_key:
            raise _refused(event, "a key must be a text")


def _object(ended: _Open) -> dict[str, Any]:
    keys, values = ended.items[::2], ended.items[1::2]
    made = dict(zip(keys, values, strict=True))
    if len(made) < len(keys):
        twice = next(key for key, times in Counter(keys).items() if times > 1)
        raise YamlRefused(f"line {ended.line}: the key '{twice}' stands twice in one object; keep one")
    return _merged(made, line=ended.line) if "<<" in made else made


def _merged(made: dict[str, Any], *, line: int) -> dict[str, Any]:
    """The object with what its merge key `<<` names below its own fields."""
    named = made.pop("<<")
    below = named if isinstance(named, list) else [named]
    if not all(isinstance(each, dict) for each in below):
        raise YamlRefused(f"line {line}: '<<' must name an object, or a list of objects, by alias")
    return {key: value for each in (*reversed(below), made) for key, value in each.items()}


def _resolved(event: yaml.ScalarEvent) -> Any:
    text = event.value
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return _number(event, int)
    return _number(event, float) if _FLOAT.fullmatch(text) else text


def _number(event: yaml.ScalarEvent, kind: type[int | float]) -> int | float:
    try:
        return kind(event.value)
    except ValueError:  # Python reads no whole number of more than 4300 digits
        raise _refused(event, f"the number {event.value[:20]}… is too long") from None


def _refuse_tag(event: yaml.NodeEvent) -> None:
    tag = getattr(event, "tag", None)
    if tag not in _TAGS:
        raise _refused(event, f"the tag {tag} is not read; leave it out")


def _refused(event: yaml.Event, what: str) -> YamlRefused:
    return YamlRefused(f"line {_line(event)}: {what}")


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0
