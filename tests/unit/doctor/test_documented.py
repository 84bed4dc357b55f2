"""The table of findings in `docs/operations.md` is that of the code."""

from __future__ import annotations

import os
from pathlib import Path

from miyabi.doctor.examine import kinds
from miyabi.doctor.finding import Kind

DOCUMENT = Path(__file__).parents[3] / "docs" / "operations.md"
HEADINGS = "| finding | | when | what mends it |\n|---|---|---|---|\n"


def row(kind: Kind) -> str:
    """A line of the table. Braces stand for words of the machine."""
    mend = kind.mend.replace("{user}", "USER").replace("{workspace}", "WORKSPACE").replace("{token}", "TOKEN_FILE")
    mend = mend.replace("{claude}", "claude").replace("{slots}", "now")
    cells = (f"`{kind.id}`", str(kind.severity), kind.when, code(mend) if is_command(mend) else mend)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def is_command(text: str) -> bool:
    """Whether it is one for a shell, with a remark or not."""
    return text.startswith(("sudo", "echo", "chmod", "claude", "miyabi", "umask", "ulimit", "touch"))


def code(command: str) -> str:
    """The command as code, its remark as words."""
    first, remark, rest = command.partition("    # ")
    return f"`{first}`{', ' if remark else ''}{rest}"


def test_every_finding_is_in_the_manual() -> None:
    """Each kind has its row, in the same order, and there is no other; UPDATE_GOLDEN=1 writes them."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, headings, after = text.partition(HEADINGS)
    assert headings, "the table is gone"
    old, empty, rest = after.partition("\n\n")
    table = "".join(row(kind) for kind in kinds())
    if os.environ.get("UPDATE_GOLDEN"):
        DOCUMENT.write_text(f"{before}{headings}{table.rstrip()}{empty}{rest}", encoding="utf-8")
        return
    assert f"{old}\n" == table


def test_ids_are_unique_and_spelled_alike() -> None:
    """They are words of the JSON document that others read."""
    ids = [kind.id for kind in kinds()]
    assert len(ids) == len(set(ids))
    assert all(each == each.lower() and each.replace("-", "").isalpha() for each in ids)


def test_each_says_why() -> None:
    """What, why and a way out belong to each; sentences end."""
    assert [kind.id for kind in kinds() if not (kind.when and kind.mend and kind.why.endswith("."))] == []
