"""A table that is given in place, or as a JSON file where the orchestrator runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

_WHAT = "must be the path of a JSON file, or a table"


def _file_or_table(value: object) -> object:
    """A text that is JSON itself is refused without being quoted: it may hold secrets."""
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        raise ValueError(f"{_WHAT}; this is JSON in a text, or not quite JSON")
    if isinstance(value, str) and not (value and value.isprintable()):
        raise ValueError(f"{_WHAT}; this is no path")
    if isinstance(value, dict):
        _require_json(value)
    elif not isinstance(value, str):
        raise ValueError(_WHAT)  # noqa: TRY004 - pydantic turns this one into a fault
    return value


def _require_json(value: Mapping[str, Any]) -> None:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise ValueError("must hold what JSON can: texts, finite numbers, true, false, lists and tables") from None


FileOrTable = Annotated[str | dict[str, Any], BeforeValidator(_file_or_table)]


def read_table(value: str | Mapping[str, Any], *, root: Path) -> Mapping[str, Any]:
    """Returns the table that is given, or that the file holds.

    Args:
        value: the table, or the path of a JSON file, absolute, from the home here (~/), or from `root`.
        root: folder of the repository.

    Raises:
        ValueError: one sentence without any of the content: which file, what was found, what to do.
    """
    if not isinstance(value, str):
        return value
    file = root / Path(value).expanduser()
    try:
        found: Any = json.loads(file.read_bytes())
    except FileNotFoundError:
        raise ValueError(f"{file} is not there; name a JSON file of this computer") from None
    except OSError as error:
        raise ValueError(f"{file} cannot be read ({error.strerror}); name a JSON file") from None
    except (ValueError, RecursionError) as error:
        where = f" (line {error.lineno}: {error.msg})" if isinstance(error, json.JSONDecodeError) else ""
        raise ValueError(f"{file} is not valid JSON{where}; mend it") from None
    if not isinstance(found, dict):
        what = "a list" if isinstance(found, list) else "a single value"
        raise ValueError(f"{file} holds {what}; it must hold an object")  # noqa: TRY004 - one error for all
    return found
