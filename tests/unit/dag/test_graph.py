"""The DAG as a value: order, levels, longest paths, cycles, and what it is written as."""

from __future__ import annotations

import json
import pickle
from itertools import pairwise
from pathlib import Path

import pytest

from miyabi.dag import Dag, Node
from miyabi.errors import DagError
from tests.support.values.dags import dag, node, random_dag

EXAMPLES = Path(__file__).parents[3] / "examples"


def places(given: Dag) -> dict[str, int]:
    """Where each task stands in the order."""
    return {task: place for place, task in enumerate(given.order)}


@pytest.mark.parametrize("seed", range(20))
def test_each_task_stands_after_its_dependencies(seed: int) -> None:
    """Whatever the file's order, nothing stands before what it waits for, and nothing is left out."""
    given = random_dag(seed)
    place = places(given)
    assert set(place) == set(given.by_id)
    assert all(place[other] < place[task] for task in place for other in given.dependencies(task))


@pytest.mark.parametrize("seed", range(20))
def test_each_task_is_one_level_below_its_deepest_dependency(seed: int) -> None:
    """A level is the number of nodes on the longest path before it."""
    given = random_dag(seed)
    level = {task: number for number, tasks in enumerate(given.levels) for task in tasks}
    assert level == {t: 1 + max((level[other] for other in given.dependencies(t)), default=-1) for t in given.by_id}


@pytest.mark.parametrize("seed", range(20))
def test_remaining_minutes_are_the_longest_path_that_begins_here(seed: int) -> None:
    """A task's remaining minutes are its own and those of its longest dependant."""
    given = random_dag(seed)
    left = given.remaining_minutes
    for task, minutes in left.items():
        ahead = max((left[other] for other in given.dependants(task)), default=0)
        assert minutes == pytest.approx(given.by_id[task].estimated_duration + ahead)


@pytest.mark.parametrize("seed", range(20))
def test_the_critical_path_is_a_path_of_the_longest_length(seed: int) -> None:
    """Each of its tasks waits for the one before, and together they take the most remaining minutes of all."""
    given = random_dag(seed)
    path = given.critical_path
    assert all(first in given.dependencies(second) for first, second in pairwise(path))
    total = sum(given.by_id[task].estimated_duration for task in path)
    assert total == pytest.approx(max(given.remaining_minutes.values()))


def test_the_longest_remaining_path_goes_first() -> None:
    """Among ready tasks the one with most work behind it is first, however low its priority."""
    given = dag(node("short", priority=1), node("long", priority=10), node("after", "long", minutes=60))
    assert given.order == ("long", "after", "short")


def test_equal_paths_go_by_priority_then_by_place_in_the_file() -> None:
    """Priority 1 is the highest; with equal priority the file decides."""
    given = dag(node("c", priority=5), node("b", priority=5), node("a", priority=10), node("z", priority=1))
    assert given.order == ("z", "c", "b", "a")
    assert dict(given.rank) == {"c": 1, "b": 2, "a": 3, "z": 0}


def test_paths_of_equal_length_are_equal_whatever_the_sum_is_made_of() -> None:
    """0.1 + 0.2 minutes and 0.3 minutes are the same length, so priority decides."""
    given = dag(node("a", minutes=0.1, priority=2), node("b", "a", minutes=0.2), node("c", minutes=0.3, priority=1))
    assert given.order[0] == "c"


def test_dependants_are_the_other_end_of_dependencies() -> None:
    """Who waits for whom reads the same from both ends, each once."""
    given = dag(node("a"), node("b", "a", "a"), node("c", "b", "a"))
    assert given.dependencies("c") == ("b", "a")
    assert given.dependencies("b") == ("a",)
    assert given.dependants("a") == ("b", "c")


def test_a_cycle_is_shown_as_a_path() -> None:
    """The path begins with the first of its nodes in the file and each stands before the one that waits for it."""
    with pytest.raises(DagError, match=r"circle: b → c → d → b; take one out, for example 'd' from .* 'b'"):
        dag(node("a", "d"), node("b", "d"), node("c", "b"), node("d", "c"))


def test_a_long_cycle_is_shortened() -> None:
    """A circle of 2,000 nodes still makes one readable line."""
    nodes = [node(f"t{number}", f"t{(number - 1) % 2_000}") for number in range(2_000)]
    with pytest.raises(DagError) as refused:
        dag(*nodes)
    assert "t0 → t1 → t2 → " in str(refused.value)
    assert "… → t0; take one out, for example 't1999' from the dependencies of 't0'" in str(refused.value)
    assert len(str(refused.value)) < 250


def test_a_chain_of_two_thousand_nodes_is_as_good_as_any() -> None:
    """No algorithm recurses along the graph."""
    nodes = [node(f"t{number}", *([f"t{number - 1}"] if number else []), minutes=1) for number in range(2_000)]
    given = dag(*reversed(nodes))
    assert given.order == given.critical_path == tuple(f"t{number}" for number in range(2_000))
    assert given.remaining_minutes["t0"] == len(given.levels) == 2_000


@pytest.mark.parametrize("seed", range(5))
def test_what_is_written_reads_back_the_same(seed: int) -> None:
    """`to_json` is the DAG again, word for word, with nothing to warn of."""
    given = random_dag(seed)
    again = Dag.from_text(given.to_json(), name="dag.json")
    assert again == given
    assert again.to_json() == given.to_json()
    assert not again.warnings


def test_every_field_survives_the_round_trip() -> None:
    """What we do not need is kept as well."""
    full = Node(
        id="a",
        title="日本語 📒👩‍💻",
        command="/agent-run --issue 270",
        issue=270,
        requires=("xcode",),
        model="opus",
        max_turns=20,
        max_budget_usd=1.5,
        timeout_minutes=45,
        allowed_tools=(),
        check="make test",
        expect_changes=False,
        severity="Sev.2-High",
        impact="Medium",
        assigned_agent="CodeGenAgent",
        status="idle",
        start=1_700_000_000,
        end="2026-01-01T00:00:00Z",
        metadata={"deep": [{"x": None}, 1.5, "é"]},
    )
    assert Dag.from_text(Dag(nodes=(full,)).to_json()).nodes == (full,)


def test_what_is_written_is_the_established_format() -> None:
    """Nodes, edges as from and to, and the computed levels."""
    written = json.loads(dag(node("a"), node("b", "a")).to_json())
    assert written["edges"] == [{"from": "a", "to": "b"}]
    assert written["levels"] == [["a"], ["b"]]
    assert [n["dependencies"] for n in written["nodes"]] == [[], ["a"]]


def test_a_dag_can_be_sent_to_another_process() -> None:
    """It pickles, with or without what it has computed."""
    given = dag(node("a"), node("b", "a"))
    assert given.order == pickle.loads(pickle.dumps(given)).order  # noqa: S301 - our own bytes


def test_a_node_without_title_is_called_by_its_id() -> None:
    """There is always something to show."""
    assert Node(id="a").title == "a"


def test_the_two_examples_are_the_same_dag() -> None:
    """tasks.json and tasks.yaml say the same ten tasks, without warnings."""
    json_dag, yaml_dag = Dag.load(EXAMPLES / "tasks.json"), Dag.load(EXAMPLES / "tasks.yaml")
    assert json_dag == yaml_dag
    assert json_dag.warnings == yaml_dag.warnings == ()
    assert len(json_dag.nodes) == 10
