"""What pydantic finds wrong with a value, in the terms of whoever wrote it: which field, what it must be, what it is.

pydantic itself is not imported: this package is light. A caller adds the file, and what else it knows of the field.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from miyabi.text.suggest import quote

if TYPE_CHECKING:
    from pydantic import ValidationError

_OWN = "Value error, "  # what pydantic puts before the sentence of a validator
_KEY = "[key]"  # what pydantic puts behind the name of a key that is itself at fault
_BARE = re.compile(r"[A-Za-z0-9_-]{1,60}")
_MISSING, _UNKNOWN, _BY_VALIDATOR = "missing", "extra_forbidden", "value_error"
_FOUND_IS_AROUND = frozenset({_MISSING, "json_invalid"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldFault:
    """One field that is not what it should be.

    `path` leads to it from the outside: names of fields, and numbers in lists, from 0. `must` says what it should be;
    it is a validator's own sentence where `is_own`, else pydantic's. `found` is what is there.
    """

    path: tuple[str | int, ...]
    kind: str
    must: str
    found: object

    @property
    def field(self) -> str:
        """The path as it is written in configuration files; empty for the whole."""
        return field_name([str(part) for part in self.path])

    @property
    def is_own(self) -> bool:
        """Whether a validator of ours found it."""
        return self.kind == _BY_VALIDATOR

    @property
    def is_missing(self) -> bool:
        """Whether there is no such field, and there must be."""
        return self.kind == _MISSING

    @property
    def is_unknown(self) -> bool:
        """Whether there is such a field, and there must not be."""
        return self.kind == _UNKNOWN

    @property
    def is_found(self) -> bool:
        """Whether `found` is the field's value, and not all that is around it."""
        return self.kind not in _FOUND_IS_AROUND


def faults_of(error: ValidationError) -> list[FieldFault]:
    """Lists the faults that pydantic found, one at least, in its order: that of the fields."""
    return [
        FieldFault(
            path=tuple(part for part in each["loc"] if part != _KEY),
            kind=each["type"],
            must=each["msg"].removeprefix(_OWN),
            found=each["input"],
        )
        for each in error.errors(include_url=False)
    ]


def field_name(path: Sequence[str]) -> str:
    """Joins the parts of a path with dots: `machines.0.name`; what no file has bare is quoted."""
    return ".".join(part if _BARE.fullmatch(part) else quote(part) for part in path)
