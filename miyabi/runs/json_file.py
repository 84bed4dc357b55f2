"""A value that is kept as JSON, read again: a file that was damaged is one line, not a traceback."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from miyabi.errors import BadInput
from miyabi.text import describe

_Value = TypeVar("_Value", bound=BaseModel)
_WITHOUT_FOUND = {"missing", "json_invalid"}  # what these tell of is all that is around the fault


def read_json(file: Path, kind: type[_Value], *, advice: str) -> _Value:
    """The value that the file holds.

    Args:
        file: as `model_dump_json` wrote it.
        kind: of the value.
        advice: what to do where the file is damaged, as a sentence.

    Raises:
        FileNotFoundError: there is no such file.
        BadInput: it is damaged; names the file, the field, what was found there, and the advice.
    """
    try:
        return kind.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise BadInput(f"{file}: {_fault(error.errors(include_url=False)[0])}. {advice}") from None


def _fault(first: ErrorDetails) -> str:
    field = ".".join(map(str, first["loc"])) or "the file"
    was = "" if first["type"] in _WITHOUT_FOUND else f", found {describe(first['input'])}"
    return f"{field}: {first['msg']}{was}"
