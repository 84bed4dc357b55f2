"""The bytes of a DAG file become plain values: JSON or YAML, one meaning for both."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NoReturn

from miyabi.dag_yaml import YamlRefused, from_yaml
from miyabi.errors import DagError
from miyabi.problems import found, nearest, shown

LARGEST_BYTES = 64 * 1024 * 1024


def read_text(path: Path) -> str:
    """The file's text, without a byte order mark.

    Raises:
        DagError: no such file, a directory, not readable, over 64 MB, not UTF-8.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise DagError(f"{path}: {_unreadable(path, error)}") from None
    if len(data) > LARGEST_BYTES:
        raise DagError(f"{path}: larger than {LARGEST_BYTES >> 20} MB; split the DAG, or move texts out of `metadata`")
    return decoded(data, name=str(path))


def decoded(data: bytes, *, name: str) -> str:
    """The bytes as text, without a byte order mark.

    Raises:
        DagError: not UTF-8; says at which byte.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = error.start + len(data) - len(error.object)
        line = data.count(b"\n", 0, at) + 1
        raise DagError(
            f"{name}: byte {at} (line {line}) is 0x{data[at]:02x}, which is not UTF-8; save the file as UTF-8"
        ) from None


def plain_values(text: str, *, name: str) -> Any:
    """What the text holds. The name's ending says JSON or YAML; without one, a text that begins with `{` is JSON.

    Raises:
        DagError: not JSON or YAML, nested too deeply, the same key twice, a number that is not finite.
    """
    try:
        return _from_json(text) if _is_json(text, name=name) else from_yaml(text)
    except json.JSONDecodeError as error:
        what = f"line {error.lineno}, column {error.colno}: not JSON: {error.msg}"
    except RecursionError:
        what = "nested too deeply; a DAG file needs no more than a few levels"
    except YamlRefused as error:
        what = str(error)
    except ValueError as error:
        what = f"not JSON: {error}"
    raise DagError(f"{name}: {what}")


def _unreadable(path: Path, error: OSError) -> str:
    if isinstance(error, IsADirectoryError):
        return "is a directory; give the DAG file in it"
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return f"no such file{_nearest_file(path)}"
    return f"cannot be read: {error.strerror}"


def _nearest_file(path: Path) -> str:
    try:
        return nearest(path.name, [each.name for each in path.parent.iterdir()])
    except OSError:
        return ""


def _is_json(text: str, *, name: str) -> bool:
    suffix = Path(name).suffix.lower()
    return suffix == ".json" or (suffix not in {".yaml", ".yml"} and text.lstrip()[:1] in {"{", "["})


def _from_json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_without_doubles, parse_constant=_not_a_json_number, parse_float=_finite)


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    return values if len(values) == len(pairs) else _refuse_double(pairs)


def _refuse_double(pairs: list[tuple[str, Any]]) -> NoReturn:
    seen: dict[str, Any] = {}
    for key, value in pairs:
        if key in seen:
            owner = f"node {shown(str(seen['id']))}: " if "id" in seen and key != "id" else ""
            both = f"{found(seen[key])} and {found(value)}"
            raise ValueError(f"{owner}the key {shown(key)} stands twice in one object, with {both}; keep one")
        seen[key] = value
    raise AssertionError(pairs)


def _not_a_json_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number in JSON; write a finite number or leave the field out")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:20]} is too large")
    return value
