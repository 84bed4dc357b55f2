"""What an issue's labels say about its task: how urgent, how long, what kind, and which machines. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from pydantic import TypeAdapter, ValidationError

from miyabi.dag import DEFAULT_MINUTES, TaskType
from miyabi.machines import Label

DEFAULT_PRIORITY = 5
SIZES = {"xs": 5.0, "s": 15.0, "m": 30.0, "l": 60.0, "xl": 120.0, "xxl": 240.0}
"""Minutes of a task of that size. They order tasks and stop nothing."""

_PRIORITIES = {
    1: ("p0", "critical", "urgent", "highest", "blocker"),
    3: ("p1", "high"),
    5: ("p2", "medium", "normal", "moderate"),
    7: ("p3", "low"),
    9: ("p4", "lowest", "trivial"),
}
_PRIORITY = {word: priority for priority, words in _PRIORITIES.items() for word in words}
_TYPES = {
    TaskType.BUG: {"bug", "bugfix", "fix", "regression"},
    TaskType.DOCS: {"docs", "doc", "documentation"},
    TaskType.REFACTOR: {"refactor", "refactoring", "cleanup"},
    TaskType.TEST: {"test", "tests", "testing"},
    TaskType.DEPLOYMENT: {"deployment", "deploy", "release"},
    TaskType.FEATURE: {"feature", "enhancement", "feat"},
}
_DAY_MINUTES = 480
_DECORATION = re.compile(r"^[^\w]+|[^\w]+$")
_NAMED = re.compile(r"\s*[:/=]\s*|\s+-\s+|-(?=[a-z0-9])|\s+")
_WORD = re.compile(r"[a-z0-9]+")
_LENGTH = re.compile(
    r"(?:([0-9]{1,4}(?:\.[0-9]{1,3})?)\s*(?:d|days?))?\s*(?:([0-9]{1,5}(?:\.[0-9]{1,3})?)\s*(?:h|hours?|hrs?))?\s*"
    r"(?:([0-9]{1,5})\s*(?:m|mins?|minutes?))?"
)
_MACHINE = re.compile(r"\W*machine\s*[:/]\s*(.*)", re.IGNORECASE | re.DOTALL)
_USABLE = TypeAdapter[str](Label)


def priority(labels: Iterable[str]) -> int:
    """Reads the priority, from 1 (`P0`, `priority: critical`) over 3, 5 and 7 (`P3`, low) to 9.

    The most urgent counts; it is 5 without any.
    """
    return min(filter(None, map(_priority, labels)), default=DEFAULT_PRIORITY)


def minutes(labels: Sequence[str]) -> float:
    """Reads the estimate, in minutes, of `estimate: 1h30m`, `2h` or `size: M`; a day has eight hours.

    Lengths count before sizes, and the longest of several; it is `DEFAULT_MINUTES` without any, and a year at most.
    """
    said = max(filter(None, map(_length, labels)), default=0.0)
    sizes = [SIZES[value] for name, value in map(_parts, labels) if name == "size" and value in SIZES]
    return said or max(sizes, default=DEFAULT_MINUTES)


def kind(labels: Iterable[str]) -> TaskType:
    """Reads the task's type by labels such as `bug`, `type: docs`, `kind/refactor`; a feature without any."""
    said = {value if name in {"type", "kind"} else name for name, value in map(_parts, labels) if name}
    return next((kind for kind, names in _TYPES.items() if said & names), TaskType.FEATURE)


def requires(labels: Iterable[str]) -> tuple[tuple[str, ...], str]:
    """Reads which labels a machine must have, by labels such as `machine:xcode`.

    Returns:
        Those labels, sorted, each once; and what is wrong with them, for people, empty for nothing.
    """
    wanted = sorted({match[1].strip() for match in map(_MACHINE.match, labels) if match})
    for label in wanted:
        if not _is_usable(label):
            return (), f"its label 'machine:{label}' names no machine label; they are letters, digits, '._:/-'"
    return tuple(wanted), ""


def _parts(label: str) -> tuple[str, str]:
    """Name and value: `📏 Size: M` is size and m, `bug` is bug and nothing."""
    plain = _DECORATION.sub("", label.casefold())
    name, *values = _NAMED.split(plain, maxsplit=1)
    return name, values[0] if values else ""


def _priority(label: str) -> int | None:
    name, value = _parts(label)
    if name in {"priority", "prio"}:
        return next(_priorities(value), None)
    return _PRIORITY.get(name) if re.fullmatch("p[0-4]", name) else None


def _priorities(value: str) -> Iterator[int]:
    return (_PRIORITY[word] for word in _WORD.findall(value) if word in _PRIORITY)


def _length(label: str) -> float | None:
    name, value = _parts(label)
    said = value if name in {"estimate", "estimated", "est", "effort", "time"} else label.strip().casefold()
    match = _LENGTH.fullmatch(said.strip())
    if not match:
        return None
    days, hours, rest = (float(number or 0) for number in match.groups())
    return min(days * _DAY_MINUTES + hours * 60 + rest, 525_600.0)


def _is_usable(label: str) -> bool:
    try:
        _USABLE.validate_python(label)
    except ValidationError:
        return False
    return True
