"""Load, validate and order a DAG of 10,000 nodes and 50,000 edges; beside it the least that Python can do.

The peer is `json` with `graphlib.TopologicalSorter`, which checks no field and knows no estimates. Each side has a
process of its own, so that the peak memory is its own. Run it with:  python bench/dag.py [NODES [EDGES]]
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from graphlib import TopologicalSorter
from pathlib import Path

GOAL_SECONDS, GOAL_MB = 2.0, 300


def main(nodes: int = 10_000, edges: int = 50_000) -> None:
    """Prints a line a side, and the ratio."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tasks.json"
        _child("make", str(file), str(nodes), str(edges))
        print(f"{nodes:,} nodes, {edges:,} edges, {file.stat().st_size / 1e6:.1f} MB of JSON")
        ours, peer = (json.loads(_child(side, str(file))) for side in ("ours", "peer"))
    for name, figures in (("miyabi Dag.load + order", ours), ("json + graphlib", peer)):
        print(f"  {name:24} {figures['seconds']:6.2f} s  peak {figures['peak_mb']:4.0f} MB")
    print(f"  ratio                    {ours['seconds'] / peer['seconds']:6.1f} x in time")
    met = ours["seconds"] <= GOAL_SECONDS and ours["peak_mb"] <= GOAL_MB
    print(f"  goal                     {GOAL_SECONDS:6.2f} s       {GOAL_MB:4} MB: {'met' if met else 'MISSED'}")


def _child(*words: str) -> str:
    return subprocess.run(
        [sys.executable, __file__, "--side", *words], check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def make(file: str, nodes: str, edges: str) -> None:
    """Writes a DAG, half of it as `dependencies`, half as `edges`."""
    dice, count, wanted = random.Random(1), int(nodes), int(edges)  # noqa: S311 - the same DAG each time, no secret
    links: set[tuple[int, int]] = set()
    while len(links) < wanted:
        end = dice.randrange(1, count)
        links.add((dice.randrange(max(0, end - 200), end), end))
    half = sorted(links)[::2]
    before: dict[int, list[str]] = {}
    for start, end in half:
        before.setdefault(end, []).append(f"task-{start}")
    rest = [{"from": f"task-{start}", "to": f"task-{end}"} for start, end in sorted(links)[1::2]]
    made = [_node(number, before.get(number, []), dice) for number in range(count)]
    Path(file).write_text(json.dumps({"nodes": made, "edges": rest}, ensure_ascii=False), encoding="utf-8")


def _node(number: int, before: list[str], dice: random.Random) -> dict[str, object]:
    return {
        "id": f"task-{number}",
        "title": f"Task 作業 {number} 📦",
        "description": "What there is to do, in some words. " * 5,
        "type": "feature",
        "priority": dice.randint(1, 10),
        "estimated_duration": dice.randint(1, 60),
        "dependencies": before,
    }


def ours(file: str) -> None:
    """Prints the figures of `Dag.load` with order, levels and critical path."""
    from miyabi.dag import Dag  # noqa: PLC0415 - the peer's process does without

    started = time.perf_counter()
    dag = Dag.load(Path(file))
    assert dag.order
    assert dag.levels
    assert dag.critical_path
    _print_figures(started)


def peer(file: str) -> None:
    """Prints the figures of the standard library."""
    started = time.perf_counter()
    values = json.loads(Path(file).read_bytes())
    graph = {node["id"]: [*node["dependencies"]] for node in values["nodes"]}
    for edge in values["edges"]:
        graph[edge["to"]].append(edge["from"])
    assert len(tuple(TopologicalSorter(graph).static_order())) == len(graph)
    _print_figures(started)


def _print_figures(started: float) -> None:
    seconds = time.perf_counter() - started
    a_megabyte = 1e6 if sys.platform == "darwin" else 1e3
    print(json.dumps({"seconds": seconds, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / a_megabyte}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--side"]:
        sides: dict[str, Callable[..., None]] = {"make": make, "ours": ours, "peer": peer}
        sides[sys.argv[2]](*sys.argv[3:])
    else:
        main(*map(int, sys.argv[1:]))
