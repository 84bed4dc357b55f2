"""The bytes of a DAG file become plain values: JSON or YAML, one meaning for both."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from miyabi.dag.yaml_loader import YamlRefused, from_yaml
from miyabi.errors import DagError
from miyabi.text import describe, did_you_mean, quote

LARGEST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class DagText:
    """The text of a DAG file. The same text of the same kind is equal, whatever its file is called."""

    text: str
    is_json: bool
    name: str = field(compare=False)


def read_text(path: Path) -> str:
    """Reads the file's text, without a byte order mark.

    Raises:
        DagError: no such file, a directory, not readable, over 64 MiB, not UTF-8.
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
    """Decodes the bytes, without a byte order mark.

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
    """Parses what the text holds, None where it is blank.

    Raises:
        DagError: not JSON or YAML, nested too deeply, or the same key twice in one object.
    """
    if not text.strip():
        return None
    try:
        return _from_json(text) if is_json(text, name=name) else from_yaml(text)
    except json.JSONDecodeError as error:
        other = "" if text.lstrip()[0] in "{[" else "; if it is YAML, let its name end in .yaml"
        what = f"line {error.lineno}, column {error.colno}: not JSON: {error.msg}{other}"
    except RecursionError:
        what = "nested too deeply; a DAG file needs no more than a few levels"
    except (YamlRefused, _JsonRefused) as error:
        what = str(error)
    except ValueError:  # Python reads no whole number of more than 4300 digits
        what = "a whole number in it is too long"
    raise DagError(f"{name}: {what}")


def is_json(text: str, *, name: str) -> bool:
    """Returns whether a text is JSON, else YAML: the name's ending says so; without one, JSON begins with a bracket."""
    suffix = Path(name).suffix.lower()
    return suffix == ".json" or (suffix not in {".yaml", ".yml"} and text.lstrip()[:1] in {"{", "["})


class _JsonRefused(ValueError):  # noqa: N818 - named after what was done, as in miyabi.errors
    """JSON that says two things at once."""


def _unreadable(path: Path, error: OSError) -> str:
    if isinstance(error, IsADirectoryError):
        return "is a directory; give the DAG file in it"
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return f"no such file{_nearest_file(path)}"
    return f"cannot be read: {error.strerror}"


_ENDINGS = frozenset({".json", ".yaml", ".yml"})


def _nearest_file(path: Path) -> str:
    try:
        return did_you_mean(path.name, [each.name for each in path.parent.iterdir() if each.suffix in _ENDINGS])
    except OSError:
        return ""


def _from_json(text: str) -> Any:
    # NaN and Infinity pass here: no field takes them, and there the message can name the node
    return json.loads(text, object_pairs_hook=_without_doubles)


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise _JsonRefused(_double(pairs))
    return values


def _double(pairs: list[tuple[str, Any]]) -> str:
    twice = next(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
    first, second, *_ = (describe(value) for key, value in pairs if key == twice)
    task = next((value for key, value in pairs if key == "id"), None)
    owner = f"node {quote(task)}: " if isinstance(task, str) and twice != "id" else ""
    return f"{owner}the key {quote(twice)} stands twice in one object, with {first} and {second}; keep one"
