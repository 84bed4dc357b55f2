"""Small DAGs, made in a few words."""

from __future__ import annotations

import json
import random
from typing import Any

from miyabi.dag import Dag, Node


def node(task: str, *dependencies: str, minutes: float = 5, **fields: Any) -> Node:
    """A node that waits for the others named."""
    return Node(id=task, title=f"Task {task}", dependencies=dependencies, estimated_duration=minutes, **fields)


def dag(*nodes: Node) -> Dag:
    """The DAG of these nodes, in this order."""
    return Dag(nodes=nodes)


def read(*nodes: Any, **top: Any) -> Dag:
    """Returns the DAG that a file with these raw nodes makes."""
    return Dag.from_text(json.dumps({"nodes": nodes, **top}), name="tasks.json")


def random_dag(seed: int, *, size: int = 40) -> Dag:
    """A DAG that is the same for the same seed, its nodes in no helpful order."""
    dice = random.Random(seed)  # noqa: S311 - repeatable, no secret
    nodes = [
        node(
            f"t{number}",
            *(f"t{other}" for other in sorted(dice.sample(range(number), dice.randint(0, min(3, number))))),
            minutes=dice.choice([0, 0.1, 1, 2, 2.5, 10]),
            priority=dice.randint(1, 10),
            requires=dice.choice([(), (), ("xcode",), ("xcode", "gpu")]),
        )
        for number in range(size)
    ]
    dice.shuffle(nodes)
    return dag(*nodes)
