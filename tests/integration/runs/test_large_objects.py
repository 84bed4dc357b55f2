"""Git LFS and other filters in a run: what it says before it starts, and a machine that is away with large content."""

from __future__ import annotations

from pathlib import Path

import pytest

from miyabi.errors import BadInput
from miyabi.runs import preflight
from miyabi.sessions import Outcome
from tests.support.git.lfs import objects, oid, without_lfs
from tests.support.git.repositories import commit, git
from tests.support.values.runs import AWAY, Workshop, workshop  # noqa: F401 - a fixture


def repository(workshop: Workshop, attributes: str) -> Path:
    """The user's, with these attributes; git-lfs is set up in it, and another filter is required."""
    folder = workshop.folder / "repository"
    git(folder, "lfs", "install", "--local", "--skip-repo")
    git(folder, "config", "filter.crypt.required", "true")
    commit(folder, {".gitattributes": attributes})
    return folder


@pytest.mark.parametrize("call", [" large-lacks ", " large-get "])
async def test_a_machine_that_is_away_for_a_moment(workshop: Workshop, call: str) -> None:
    """The content of a session's file comes all the same, and the outcome is as without."""
    folder = repository(workshop, "*.txt filter=lfs -text\n")
    live = await workshop.run()
    host = workshop.trip(live, call, *AWAY)
    workshop.open_gate()
    result = await (await workshop.attempt(live)).run()
    assert (result.outcome, result.changes.files, host.trips) == (Outcome.SUCCEEDED, ("a.txt",), {})
    content = objects(workshop.folder / "m1")
    assert set(content) == {oid(path.read_bytes()) for path in content.values()} == set(objects(folder / ".git"))
    assert len(content) == 1


async def test_what_is_said_before_it_starts(workshop: Workshop) -> None:
    """A filter that the machine lacks is on the board and in the report; the machine takes part."""
    repository(workshop, "*.key filter=crypt\n*.c filter=indent\n")
    live = await workshop.run()
    assert await preflight(live) == ()
    assert [warning[:36] for warning in live.warnings] == ["m1: git has no filter 'crypt' there,"]
    assert live.board.snapshot().note == live.warnings[0]


async def test_nothing_is_said_without_filters(workshop: Workshop) -> None:
    """Nor of one that nobody requires."""
    repository(workshop, "*.c filter=indent\n")
    live = await workshop.run()
    assert (await preflight(live), live.warnings, live.board.snapshot().note) == ((), [], "")


async def test_a_run_without_git_lfs(workshop: Workshop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is refused before anything is prepared."""
    repository(workshop, "*.txt filter=lfs\n")
    live = await workshop.run()
    monkeypatch.setenv("PATH", without_lfs(tmp_path / "without"))
    with pytest.raises(BadInput, match="there is no git-lfs here"):
        await preflight(live)
