"""The result file that some agents leave: `status, success, message, error, files`. A hint, never proof."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

PATH = PurePosixPath(".miyabi/result.json")
"""Where it lies in the checkout. It is never committed."""

LONGEST_CHARACTERS = 1_000_000

_GOOD = frozenset({"success", "succeeded", "ok", "completed", "complete", "done", "passed"})
_BAD = frozenset({"failure", "failed", "fail", "error", "errored", "cancelled", "canceled", "aborted", "timeout"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyResult:
    """What the agent declares. `succeeded` is None where the file does not say."""

    succeeded: bool | None
    message: str = ""
    error: str = ""
    files: tuple[str, ...] = ()

    @property
    def declares_failure(self) -> bool:
        """Whether the agent itself says that it failed."""
        return self.succeeded is False


def parse(text: str) -> LegacyResult | None:
    """Parses what the file declares; None where it is not such a file."""
    content = _object(text)
    if content is None or not {"status", "success"} & content.keys():
        return None
    return LegacyResult(
        succeeded=_succeeded(content),
        message=_text(content.get("message")),
        error=_text(content.get("error")),
        files=_files(content.get("files")),
    )


def _object(text: str) -> dict[str, Any] | None:
    if len(text) > LONGEST_CHARACTERS:
        return None
    try:
        content = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _succeeded(content: dict[str, Any]) -> bool | None:
    """Failure wins where the two fields disagree."""
    status = _text(content.get("status")).strip().lower()
    flag = content.get("success")
    says = [flag] if isinstance(flag, bool) else []
    says += [status in _GOOD] if status in _GOOD | _BAD else []
    return all(says) if says else None


def _files(value: object) -> tuple[str, ...]:
    entries = value if isinstance(value, list) else []
    paths = (_text(entry.get("path")) if isinstance(entry, dict) else _text(entry) for entry in entries)
    return tuple(path for path in paths if path)


def _text(value: object) -> str:
    if isinstance(value, dict):
        value = value.get("message")
    return value if isinstance(value, str) else ""
