"""A value that is kept as JSON, read again: a file that was damaged is one line, not a traceback."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from miyabi.errors import BadInput
from miyabi.text import FieldFault, describe, faults_of

_Value = TypeVar("_Value", bound=BaseModel)


def read_json(file: Path, kind: type[_Value], *, advice: str) -> _Value:
    """Reads the value that the file holds.

    Args:
        file: as `model_dump_json` wrote it.
        kind: of the value.
        advice: what to do where the file is damaged, as a sentence.

    Raises:
        FileNotFoundError: there is no such file.
        BadInput: it is damaged, or cannot be read; names the file, the field, what was found there, and the advice.
    """
    try:
        return kind.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        raise
    except OSError as error:
        raise BadInput(f"{file}: cannot be read: {error.strerror}. {advice}") from None
    except ValidationError as error:
        raise BadInput(f"{file}: {_sentence(faults_of(error)[0])}. {advice}") from None


def _sentence(fault: FieldFault) -> str:
    was = f", found {describe(fault.found)}" if fault.is_found else ""
    return f"{fault.field or 'the file'}: {fault.must}{was}"
