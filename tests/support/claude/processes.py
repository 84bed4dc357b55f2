"""The processes that work for sessions of a test, whoever started them."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from tests.support.claude.real import claude_binary


def claudes_at_a_gate(folder: Path) -> set[int]:
    """Every claude that works below a folder and has a tool which waits at a gate.

    Tools outlive a claude that was killed; they are nobody's then. A tool's shell is a claude, too, until it is one:
    who is none any more once the tool runs was never meant.
    """
    claudes, found = _claudes(below=folder), set()
    for tool in _running("select undef", below=folder):
        above = tool
        while above > 1 and above not in claudes:
            above = _parent(above)
        found.add(above)
    return found & _claudes(below=folder)


def claudes_at_work(folder: Path) -> set[int]:
    """Every claude that works below a folder, waiting or not."""
    return _claudes(below=folder)


def _claudes(*, below: Path) -> set[int]:
    """By the program itself: shells and supervisors have its name on their command lines, too."""
    named, found = _running(str(claude_binary()), below=below), set()
    for pid in named:
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/exe").resolve() == claude_binary().resolve():
                found.add(pid)
    return found


def _running(word: str, *, below: Path) -> set[int]:
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            here = (folder / "cwd").readlink().is_relative_to(below)
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if here and word in line:
            found.add(int(folder.name))
    return found


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def are_kept(folder: Path, answers: int) -> bool:
    """Whether the transcripts below a folder hold so many answers of the API: claude writes them a little later."""
    kept = set()
    for file in folder.rglob("projects/*/*.jsonl"):
        kept |= set(re.findall(r'"id":"(msg_\w+)"', file.read_text(errors="replace")))
    return len(kept) >= answers
