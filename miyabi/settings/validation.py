"""What is wrong with the configuration, in one line: where it was said, the field, what was found, what to do."""

from __future__ import annotations

import json
import os
import time
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from miyabi.errors import SettingsError
from miyabi.system import next_moment
from miyabi.text import FieldFault, did_you_mean, faults_of, field_name, quote

_PREFIX, _NESTED = "MIYABI_", "__"
_BEYOND_NUMBERS = 1 << 63  # TOML knows none; Python would not even print some
_MARK = b"\xef\xbb\xbf"
_MAY_HOLD_SECRETS = frozenset({"environment", "mcp_config", "notify", "settings"})


def require_toml(file: Path) -> None:
    """Checks that a file is TOML, or not there.

    Raises:
        SettingsError: it cannot be read, is not UTF-8, or not TOML; says where.
    """
    try:
        values = tomllib.loads(file.read_bytes().decode())
    except FileNotFoundError:
        return
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{file}: {_not_toml(error, file)}") from None
    for path, fault in _unusable(values):
        raise SettingsError(f"{file}: {field_name(path)}: {fault}")


def _not_toml(error: Exception, file: Path) -> str:
    match error:
        case UnicodeDecodeError():
            line = error.object.count(b"\n", 0, error.start) + 1
            return f"line {line} is not UTF-8 (byte 0x{error.object[error.start]:02x}); save the file as UTF-8"
        case tomllib.TOMLDecodeError() if file.read_bytes().startswith(_MARK):
            return "begins with a byte order mark, which TOML does not allow; save the file as UTF-8 without one"
        case tomllib.TOMLDecodeError():
            return f"not valid TOML: {error}"
        case RecursionError():
            return "nested too deeply; no setting needs more than a few levels"
    return "not valid TOML: a whole number in it is too long"


def wrong_variable(error: Exception) -> SettingsError:
    """Makes the error for a variable that must be JSON and that the settings library cannot read."""
    text = getattr(error.__cause__, "doc", None)
    names = [name for name in sorted(os.environ) if name.upper().startswith(_PREFIX)]
    guilty = [name for name in names if _is_unreadable(os.environ[name], text)] or names
    is_secret = any(held.upper() in name.upper() for name in guilty for held in _MAY_HOLD_SECRETS)
    was = "" if text is None or is_secret else f" (found {_said(text)})"
    return SettingsError(
        f'{", ".join(guilty)}: not valid JSON{was}; write a list as \'["a"]\' and a table as \'{{"name": "a"}}\''
    )


def _is_unreadable(value: str, text: str | None) -> bool:
    if text is not None:
        return value == text
    try:
        json.loads(value)
    except (ValueError, RecursionError) as error:
        return isinstance(error, RecursionError)
    return False


def require_sayable(values: Any, *, file: Path) -> None:
    """Checks that the texts of settings can be handed to a program.

    Raises:
        SettingsError: one of them cannot; names the field, not the value.
    """
    for path, fault in _unusable(values):
        raise SettingsError(f"{_source(path, file)}: {field_name(path)}: {fault}")


def _unusable(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    match value:
        case str() if "\0" in value:
            yield path, "the text holds a NUL character, which no program can be given; take it out"
        case str() if any("\ud800" <= letter <= "\udfff" for letter in value):
            yield path, "the text is not UTF-8; write it anew"
        case int() if abs(value) >= _BEYOND_NUMBERS:
            yield path, "the number is too large; give one of at most 64 bits"
        case dict():
            for name, each in value.items():
                yield from _unusable(each, (*path, str(name)))
        case list() | tuple():
            for number, each in enumerate(value):
                yield from _unusable(each, (*path, str(number)))


def wrong_value(error: ValidationError, *, file: Path, settings: type[BaseModel]) -> SettingsError:
    """Makes the error for settings with faults: says the first one, counts the others and carries them in `others`."""
    first, *others = [_sentence(each, file=file, settings=settings) for each in faults_of(error)]
    more = f" (and {len(others)} more)" if others else ""
    return SettingsError(f"{first}{more}", others=others)


def fault_at(path: Sequence[str], sentence: str, *, file: Path) -> SettingsError:
    """Makes the error for one setting: where it was said, its name, and the sentence."""
    return SettingsError(f"{_source(path, file)}: {field_name(path)}: {sentence}")


def require_moment(text: str | None, *, name: str, is_to_come: bool = False) -> None:
    """Checks an hour, or moment, that was given by that name in place of the setting.

    With `is_to_come` it may not be over: a person gave it. One flow hands another the moment that it has, late or not.

    Raises:
        SettingsError: it is none; says what it must be.
    """
    now, found = time.time(), f"(found {quote(text or '')})"
    try:
        moment = next_moment(text or "00:00", now=now)
    except ValueError as error:
        raise SettingsError(f"{name}: {error} {found}") from None
    if is_to_come and moment <= now:
        raise SettingsError(f"{name}: must be still to come {found}")


def _sentence(fault: FieldFault, *, file: Path, settings: type[BaseModel]) -> str:
    path = [str(part) for part in fault.path]
    reason = f"{fault.must}{_hint(fault)}"
    if fault.is_unknown:
        reason = f"unknown field{did_you_mean(path[-1], _known(settings, path[:-1]))}"
    is_secret = not _MAY_HOLD_SECRETS.isdisjoint(path)
    was = f" (found {_said(fault.found)})" if fault.is_found and not (is_secret or fault.is_unknown) else ""
    said = path[:-1] if fault.is_missing else path
    return f"{_source(said, file)}: {fault.field}: {reason}{was}"


def _hint(fault: FieldFault) -> str:
    is_no_list = fault.path == ("machines",) and fault.kind == "tuple_type"
    return "; begin each machine with [[machines]]" if is_no_list else ""


def _known(model: type[BaseModel], path: Sequence[str]) -> list[str]:
    """The fields that the table at this path may have."""
    for part in path:
        field = model.model_fields.get(part)
        model = (_model_in(field.annotation) if field else None) or model
    return sorted(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for each in get_args(annotation) if (found := _model_in(each))), None)


def _source(path: Sequence[str], file: Path) -> str:
    """The variable that says something about the field, else the file."""
    variables = {name.upper(): value for name, value in os.environ.items()}
    for length in range(len(path), 0, -1):
        name = _PREFIX + _NESTED.join(path[:length]).upper()
        if name in variables and _says(variables[name], path[length:]):
            return name
    return str(file)


def _says(text: str, path: Sequence[str]) -> bool:
    """Whether a variable's JSON goes down to this path."""
    try:
        value: Any = json.loads(text) if path else None
        for part in path:
            value = value[int(part)] if isinstance(value, list) else value[part]
    except (ValueError, LookupError, TypeError):
        return False
    return True


def _said(value: object) -> str:
    match value:
        case dict():
            return "a table"
        case list() | tuple():
            return "a list"
        case str():
            return quote(value)
    return str(value)
