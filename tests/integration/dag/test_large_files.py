"""DAG files of megabytes, and of thousands of mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from miyabi.dag import Dag
from miyabi.dag.read import LARGEST_BYTES
from miyabi.errors import BadInput, DagError
from tests.support.values.dags import read


@pytest.mark.parametrize("field", ["prompt", "command", "description"])
@pytest.mark.parametrize(
    ("text", "fits"), [("x" * 9_900_000, True), ("x" * 9_900_001, False), ("語" * 3_400_000, False)]
)
def test_a_prompt_that_claude_would_not_take(field: str, text: str, *, fits: bool) -> None:
    """A prompt over 10 MB is refused when the file is read, with the node's name and what to do."""
    if fits:
        assert getattr(read({"id": "a", field: text}).nodes[0], field) == text
        return
    with pytest.raises(BadInput) as raised:
        read({"id": "a", field: text})
    assert f"node 'a': '{field}' must be shorter than 10 MB" in str(raised.value)
    assert len(str(raised.value)) < 400


def test_a_thousand_unknown_edges_are_reported_quickly() -> None:
    """The nearest name is looked for where it is shown; the others are counted."""
    nodes = [{"id": f"task-{number}"} for number in range(2_000)]
    edges = [{"from": f"tosk-{number}", "to": f"task-{number}"} for number in range(2_000)]
    with pytest.raises(DagError, match=r"did you mean 'task-0'\? \(and 1999 more problems\)") as caught:
        read(*nodes, edges=edges)
    *shown, last = caught.value.in_full.splitlines()
    assert len([line for line in shown if "; did you mean 'task-" in line]) == len(shown) == 21
    assert last == "  … and 1979 more"


def test_a_file_over_64_mb_is_refused(tmp_path: Path) -> None:
    """One byte more than the limit is too much."""
    file = tmp_path / "tasks.json"
    with file.open("wb") as stream:
        stream.truncate(LARGEST_BYTES + 1)
    with pytest.raises(DagError, match=f"^{file}: larger than 64 MB"):
        Dag.load(file)
