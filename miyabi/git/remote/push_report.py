"""What `git push --porcelain` says became of each branch. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Self

_LINE = re.compile(r"!\t[^\t]*:refs/heads/(?P<branch>[^\t]+)\t(?P<summary>[^\t]*)")
_REASON = re.compile(r"\[(?P<who>[a-z ]+)\] \((?P<why>.*)\)")
# Somebody was quicker: seen by git here, or by the other side when it took the lock.
_STALE = re.compile(
    r"stale info|fetch first|failed to (?:update|lock)|cannot lock ref|incorrect old value"
    r"|reference already exists"
)
# A branch is called like a folder of this one, or the other way round; the report says only "failed to update ref".
_BLOCKED = re.compile(r"cannot lock ref 'refs/heads/(?P<branch>[^']+)': (?P<why>'[^']+' exists; cannot create)")


@dataclass(frozen=True, slots=True, kw_only=True)
class PushReport:
    """The branches that did not go through, each with the reason: worth another look, refused, or nobody knows."""

    stale: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str, *, said: str = "") -> Self:
        """The report in git's stdout, empty where there is none; `said` is its stderr."""
        blocked = {found["branch"]: found["why"] for found in _BLOCKED.finditer(said)}
        report = cls()
        for found in filter(None, map(_LINE.match, text.splitlines())):
            branch, reason = found["branch"], _REASON.match(found["summary"])
            why = blocked.get(branch) or (reason["why"] if reason else found["summary"])
            report._kind(why, is_unknown=bool(reason and reason["who"] == "remote failure"))[branch] = why
        return report

    def _kind(self, why: str, *, is_unknown: bool) -> dict[str, str]:
        if is_unknown:
            return self.unknown
        return self.stale if _STALE.search(why) else self.refused
