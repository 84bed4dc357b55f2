"""What the probe printed, read: values by key, and what the login shell printed before it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

MARK = "miyabi-doctor-1"
_AGE = re.compile(r"(?:(?:(\d+)-)?(\d+):)?(\d+):(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Lines by key, in the order in which they came. A key that is not there was not to be found out."""

    lines: Mapping[str, tuple[str, ...]]
    printed: str = ""
    """What the login shell printed on its stdout, before anything of ours."""
    complained: str = ""
    """The same of its stderr."""

    def all(self, key: str) -> tuple[str, ...]:
        """Returns every line of that key."""
        return self.lines.get(key, ())

    def text(self, key: str) -> str:
        """Returns the first line of that key; empty where there is none."""
        return next(iter(self.all(key)), "")

    def number(self, key: str) -> float | None:
        """Returns the first line as a number; None where it is none."""
        try:
            return float(self.text(key))
        except ValueError:
            return None

    def setting(self, key: str, name: str) -> str | None:
        """Returns what follows that name at the begin of a line, as in `pmset -g`; None without such a line."""
        pattern = re.compile(rf"\s*{re.escape(name)}:?\s+(.*\S)", re.IGNORECASE)
        return next((found[1] for line in self.all(key) if (found := pattern.fullmatch(line.rstrip()))), None)

    def column(self, key: str, heading: str) -> int | None:
        """Returns the number below that heading of a table such as that of `df`; None where there is none.

        The second column is that of the first number: names of file systems may have blanks.
        """
        headings, cells = (line.lower().split() for line in (*self.all(key), "", "")[:2])
        begins = next((n for n, cell in enumerate(cells) if cell.isdigit()), None)
        if begins is None or heading.lower() not in headings:
            return None
        found = cells[begins - 1 :][headings.index(heading.lower()) :]
        return int(found[0]) if found and found[0].isdigit() else None

    @property
    def shell_seconds(self) -> float:
        """How long the login shell had run when the probe began."""
        return max((_seconds(line) for line in self.all("shell_age")), default=0.0)


def read_facts(stdout: bytes, stderr: bytes) -> Facts | None:
    """Reads what the probe printed; None where it did not run to its end."""
    before, mark, after = stdout.decode(errors="replace").partition(f"\n{MARK}\n")
    complained, marked, _ = stderr.decode(errors="replace").partition(f"\n{MARK}\n")
    lines: dict[str, tuple[str, ...]] = {}
    for line in after.splitlines():
        key, equals, value = line.partition("=")
        if equals:
            lines[key] = (*lines.get(key, ()), value)
    if not mark or "end" not in lines:
        return None
    return Facts(lines=lines, printed=before.strip(), complained=complained.strip() if marked else "")


def _seconds(elapsed: str) -> float:
    """The `etime` of ps(1): [[dd-]hh:]mm:ss."""
    found = _AGE.fullmatch(elapsed.strip())
    if not found:
        return 0.0
    days, hours, minutes, seconds = (int(each or 0) for each in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60.0 + seconds
