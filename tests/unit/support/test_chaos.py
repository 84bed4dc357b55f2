"""The faults of `make chaos`, their table in docs/faults.md, and that the promises can be found broken."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.chaos import promises, table
from tests.chaos.faults import FAULTS
from tests.chaos.ground import SLOTS
from tests.support.git.repositories import commit, git, make_repository

BRANCH = "miyabi/r1/_integration"


def test_the_table_has_the_faults() -> None:
    """The document's rows are those faults, in their order and words, each with the figures of a day."""
    rows = table.rows(table.DOCUMENT.read_text(encoding="utf-8"))
    assert list(rows) == [fault.name for fault in FAULTS]
    for fault in FAULTS:
        begin = f"| {fault.name} | {fault.promise} | {fault.how} | "
        assert rows[fault.name].startswith(begin)
        figure = re.fullmatch(r"(\d+) of (\d+), \d{4}-\d\d-\d\d \|", rows[fault.name].removeprefix(begin))
        assert figure
        assert 0 < int(figure[1]) <= int(figure[2])


def test_a_count_takes_its_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new count is put in the place of the fault's old one; nothing else of the document changes but what made it."""
    document = tmp_path / "faults.md"
    document.write_text("# Faults\n\n| fault | promise |\n|---|---|\n\nMade with nothing.\n\nThe end.\n")
    monkeypatch.setattr(table, "DOCUMENT", document)
    for fault, survived in ((FAULTS[1], True), (FAULTS[0], True), (FAULTS[1], False)):
        table.write(table.Count(fault=fault).with_one(survived=survived))
    rows = table.rows(document.read_text())
    assert list(rows) == [FAULTS[0].name, FAULTS[1].name]
    assert "| 1 of 1, " in rows[FAULTS[0].name]
    assert "| 0 of 1, " in rows[FAULTS[1].name]
    assert re.search(r"^Made with Prefect [\d.]+, .*\n.* memory\.\n\nThe end\.$", document.read_text(), re.MULTILINE)


def played(folder: Path, **notes: str) -> Any:
    """A trial whose sessions noted that, and whose branch holds what each of them is to have done, but for these."""
    repository = make_repository(folder / "repository")
    git(repository, "checkout", "-qb", BRANCH)
    done = []
    for task in sorted(promises.TASKS):
        session = f"r1.{task}.1"
        done.append(("began", session, "1"))
        done.append(("committed", session, commit(repository, {f"done-{session}": ""}, message=f"work of {session}")))
        done.append(("left", session, f"left-{session}"))
        commit(repository, {f"left-{session}": f"{session}\n"}, message="what was left")
    git(repository, "checkout", "-q", "main")
    done += [(kind, "r1.a.1", what) for kind, what in notes.items()]
    starts = Counter(session for kind, session, _ in done if kind == "began")
    watch = SimpleNamespace(peak=Counter({0: SLOTS[0], 1: SLOTS[1]}))
    return SimpleNamespace(repository=repository, notes=done, starts=starts, watch=watch, workspace=lambda index: index)


RESULTS: Any = [SimpleNamespace(task=task, attempt=1, succeeded=True) for task in promises.TASKS]


def found(trial: Any, results: Any = RESULTS) -> list[str]:
    """What of work, starts and slots is broken."""
    return [text for look in (promises._work, promises._starts, promises._slots) for text in look(trial, results)]


def test_kept_promises_are_kept(tmp_path: Path) -> None:
    """Where all is there once, nothing is said."""
    assert found(played(tmp_path)) == []


def test_broken_promises_are_found(tmp_path: Path) -> None:
    """A lost commit, a lost change, a second start, a start of no attempt and a session too many are each named."""
    trial = played(tmp_path, committed="0" * 40, left="left-behind", began="2")
    trial.watch.peak[1] += 1
    git(trial.repository, "checkout", "-q", BRANCH)
    commit(trial.repository, {"again": ""}, message="work of r1.b.1")
    assert [text.partition(":")[0] for text in found(trial, RESULTS[1:])] == [
        *("work", "work", "work", "starts", "starts", "slots")
    ]
